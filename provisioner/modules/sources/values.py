"""What a chart is given: the platform's fixed values, and the tenant's settings where the catalogue says that they go. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from controlplane.catalog.sourced import SourcedVersion
from provisioner.modules.base import ClusterFacts, Module, Request
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError
from provisioner.modules.texts import texts_of_many_lines

CLUSTER = "cluster."  # begins the name of what comes from the cluster and not from the tenant
ABSENT = object()
UNSAFE = "module_setting_unsafe"


def chart_values(version: SourcedVersion, asked: Request) -> dict[str, Any]:
    """Return the values for one runtime; a setting that is not there leaves what the chart or the platform says.

    Raises SourceInvalidError for a tenant's text that is more than one line.
    """
    made: dict[str, Any] = deepcopy(dict(version.chart_values))
    for name, target in version.setting_paths.items():
        given = _given(name, asked)
        if given is not ABSENT:
            path, value = _aimed(target, given)
            _put(made, path.split("."), value)
    return made


def _given(name: str, asked: Request) -> Any:
    if name.startswith(CLUSTER):
        return cluster_facts(asked.cluster)[name.removeprefix(CLUSTER)]
    given = asked.settings.get(name, ABSENT)
    if next(texts_of_many_lines(given), None) is not None:
        detail = (
            f"the setting {name} holds line breaks or control characters, with which it could become more of the chart than a "
            "value; write it in one line."
        )
        raise SourceInvalidError(UNSAFE, detail)
    return given


def cluster_facts(cluster: ClusterFacts) -> dict[str, Any]:
    """Return what of a cluster values may name."""
    return {
        "name": cluster.name,
        "provider": cluster.provider,
        "region": cluster.region,
        "kubernetes": cluster.kubernetes_version,
        "nodes": cluster.most_nodes,
    }


def _aimed(target: Any, given: Any) -> tuple[str, Any]:
    if isinstance(target, str):
        return target, given
    if "text" in target:
        return target["path"], str(target["text"]).replace("{}", _word(given))
    return target["path"], target["choices"].get(_word(given), given)


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _put(made: dict[str, Any], path: list[str], value: Any) -> None:
    for part in path[:-1]:
        there = made.get(part)
        made[part] = dict(there) if isinstance(there, dict) else {}
        made = made[part]
    made[path[-1]] = value


def path_faults(version: SourcedVersion, module: Module) -> list[SourceFault]:
    """Return what of the setting paths is about nothing, or about the same twice."""
    found = []
    properties = module.schema.get("properties", {})
    facts = cluster_facts(ClusterFacts("", "", "", ""))
    for name, target in version.setting_paths.items():
        known = name.removeprefix(CLUSTER) in facts if name.startswith(CLUSTER) else name in properties
        if not known:
            names = ", ".join((*properties, *(f"{CLUSTER}{fact}" for fact in facts)))
            detail = f"settings names {name}, which module {module.key} does not have; there are: {names}."
            found.append(SourceFault("module_setting_unknown", detail))
        choices = target.get("choices") if isinstance(target, Mapping) else None
        lacking = [
            _word(one) for one in _closed(properties.get(name, {})) if _word(one) not in (choices or {})
        ]
        if choices is not None and lacking:
            detail = f"settings says nothing for {name} being {', '.join(lacking)}; add it to its choices."
            found.append(SourceFault("module_setting_unknown", detail))
    paths = [
        target if isinstance(target, str) else target["path"] for target in version.setting_paths.values()
    ]
    if len(paths) != len(set(paths)):
        detail = "two settings go to the same path; one would undo the other."
        found.append(SourceFault("module_setting_unknown", detail))
    return found


def _closed(schema: Mapping[str, Any]) -> Iterable[Any]:
    """Return everything that a setting may be, where that is little."""
    return (True, False) if schema.get("type") == "boolean" else schema.get("enum", ())


def variants(version: SourcedVersion, module: Module, defaults: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return settings to try a chart with: the defaults, then each other choice of each setting that goes into its values."""
    found = [dict(defaults)]
    for name in version.setting_paths:
        schema = module.schema.get("properties", {}).get(name, {})
        found += [{**defaults, name: one} for one in _closed(schema) if one != defaults.get(name)]
    return found
