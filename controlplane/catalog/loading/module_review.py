"""What must hold for modules in the catalog's files: rooms above, which install them, say whether they can."""

from __future__ import annotations

from collections.abc import Iterator

from controlplane.catalog import ports
from controlplane.catalog.loading.catalog import Catalog, Row
from controlplane.catalog.loading.module_download import SourceUnavailableError, authority
from controlplane.catalog.loading.module_registry import repository
from controlplane.catalog.sourced import version_key


def review_modules(catalog: Catalog) -> None:
    """Note sources that can't be, versions and implementations that are not there, and sets that can't be installed."""
    for key, row in catalog.rows["module_version"].items():
        for where, code, detail in source_faults(row):
            catalog.fault("module_version", key, where, code, detail)
    for key, row in catalog.rows["release"].items():
        for one in ports.release_faults(_of_build(catalog, key, row)):
            catalog.fault("release", key, ("modules", one.module), one.code, one.detail)
    for key, row in catalog.rows["plan"].items():
        chosen = row["definition"]["default_modules"]
        if set(chosen) <= catalog.rows["module"].keys():
            for one in ports.module_faults(chosen):
                catalog.fault("plan", key, ("default_modules",), "default_modules_impossible", one.detail)


def source_faults(row: Row) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """Yield where, which code and what is wrong with what a version says of its source, before anything of it is fetched."""
    source, url = row["source"], row["source"]["url"]
    if not authority(f"https://{url.partition('://')[2]}"):
        yield (
            ("source", "url"),
            "module_source_invalid",
            f"{url} is no address; it names no host, or a port that is none.",
        )
        return
    if source["kind"] == "manifests":
        if not url.startswith("https://"):
            detail = "manifests are fetched from https:// addresses; only charts come from oci://."
            yield ("source", "url"), "module_source_invalid", detail
        for name, field in (("values", "chart_values"), ("settings", "setting_paths")):
            if row[field]:
                detail = (
                    f"manifests take no {name}: their objects are installed as they are, and the tenant's settings stand in the "
                    f"module's own custom resource. Take a chart, or take {name} out."
                )
                yield (name,), "module_source_invalid", detail
        if "version" in source:
            detail = "manifests have no version of their own; the digest says which they are."
            yield ("source", "version"), "module_source_invalid", detail
        return
    if "version" not in source:
        detail = "name the chart's version, so that people can read what the digest stands for."
        yield ("source",), "module_source_invalid", detail
    if url.startswith("oci://"):
        try:
            repository(url)
        except SourceUnavailableError as error:
            yield ("source", "url"), error.code, str(error)


def _of_build(catalog: Catalog, key: str, row: Row) -> dict[str, str]:
    """Return a release's modules as the build is asked for them: a version that the files give a source needs none of its own.

    Notes versions of implementations that have sources, and not for this one.
    """
    sourced = catalog.rows["module_version"]
    known: dict[str, str] = {}
    for module, text in row["modules"].items():
        if module not in catalog.rows["module"]:
            continue
        implementation, _, version = text.rpartition("@")
        there = [name for name in sourced if name.startswith(f"{module}/{implementation}@")]
        if version_key(module, implementation, version) in sourced:
            known[module] = version
        elif implementation and there:
            detail = f"modules.yaml has no source for {module}: {text}; it has: {', '.join(sorted(there))}."
            catalog.fault("release", key, ("modules", module), "module_version_unknown", detail)
            known[module] = version
        else:
            known[module] = text
    return known
