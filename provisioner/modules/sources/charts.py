"""What a chart says of itself, read before Helm sees it. Pure."""

from __future__ import annotations

from typing import Any

import yaml

from provisioner.modules.sources.documents import unpacked
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError


def chart_faults(content: bytes, version: str) -> list[SourceFault]:
    """Return what of a packed chart is not as the catalogue says: what it is, its version, that it brings what it needs."""
    try:
        files = dict(unpacked(content))
        about = _about(files)
    except SourceInvalidError as error:
        return [error.fault]
    found = []
    if str(about.get("version")) != version:
        detail = f"the chart says that it is version {about.get('version')}, not {version}; write down which it is."
        found.append(SourceFault("module_source_version", detail))
    if about.get("type", "application") != "application":
        detail = "the chart is a library of templates; name one that makes objects."
        found.append(SourceFault("module_source_invalid", detail))
    there = {name.split("/")[2].removesuffix(".tgz") for name in files if name.split("/")[1:2] == ["charts"]}
    for needed in about.get("dependencies") or ():
        name = str(needed.get("name"))
        if not any(one == name or one.startswith(f"{name}-") for one in there):
            detail = f"the chart needs {name} and does not bring it; run `helm dependency build` before it is packed."
            found.append(SourceFault("module_source_incomplete", detail))
    return found


def _about(files: dict[str, bytes]) -> dict[str, Any]:
    names = [name for name in files if name.count("/") == 1 and name.endswith("/Chart.yaml")]
    if len(names) != 1:
        raise SourceInvalidError(
            "module_source_invalid", "this is no packed Helm chart: there is no single Chart.yaml in it."
        )
    try:
        said = yaml.safe_load(files[names[0]])
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise SourceInvalidError(
            "module_source_invalid", f"the chart's Chart.yaml is not YAML: {error}."
        ) from error
    if not isinstance(said, dict):
        raise SourceInvalidError("module_source_invalid", "the chart's Chart.yaml says nothing.")
    return said
