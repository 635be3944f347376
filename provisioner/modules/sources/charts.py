"""What a chart says of itself, read before Helm sees it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from provisioner.modules.sources.archives import invalid, unpacked
from provisioner.modules.sources.documents import read_mapping
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError
from provisioner.runtimes.inside import Json


def chart_faults(content: bytes, version: str) -> list[SourceFault]:
    """Return what of a packed chart is not as the catalogue says: what it is, its version, that it brings what it needs."""
    try:
        files = dict(unpacked(content))
        about = _about(files)
        needed = list(_needed(about))
    except SourceInvalidError as error:
        return [error.fault]
    found = []
    if str(about.get("version")) != version:
        detail = f"the chart says that it is version {about.get('version')}, not {version}; write down which it is."
        found.append(SourceFault("module_source_version", detail))
    if about.get("type", "application") != "application":
        detail = "the chart is a library of templates; name one that makes objects."
        found.append(SourceFault("module_source_invalid", detail))
    there = _brought(files)
    for name in needed:
        if not any(one == name or one.startswith(f"{name}-") for one in there):
            detail = f"the chart needs {name} and does not bring it; run `helm dependency build` before it is packed."
            found.append(SourceFault("module_source_incomplete", detail))
    return found


def _about(files: Mapping[str, bytes]) -> Json:
    names = [name for name in files if name.count("/") == 1 and name.endswith("/Chart.yaml")]
    if len(names) != 1:
        raise invalid("this is no packed Helm chart: there is no single Chart.yaml in it.")
    return read_mapping(files[names[0]], "the chart's Chart.yaml")


def _needed(about: Json) -> Iterator[str]:
    """Yield the names of what a chart stands on."""
    listed = about.get("dependencies") or []
    for one in listed if isinstance(listed, list) else [None]:
        name = one.get("name") if isinstance(one, dict) else None
        if not isinstance(name, str) or not name:
            raise invalid("the dependencies in the chart's Chart.yaml must be a list of names with versions.")
        yield name


def _brought(files: Mapping[str, bytes]) -> set[str]:
    """Return what lies in the chart's folder charts: packed ones with their version in the name, or folders."""
    inside = [name.partition("/")[2] for name in files]
    return {name.split("/")[1].removesuffix(".tgz") for name in inside if name.startswith("charts/")}
