"""Asks of releases whose modules come from elsewhere whether two of them bring the same object, before anything is written."""

from __future__ import annotations

from controlplane.catalog import ports
from controlplane.catalog.loading.catalog import Catalog, Row
from controlplane.catalog.loading.difference import Rows
from controlplane.catalog.loading.module_registry import chart_layer
from controlplane.catalog.loading.module_rows import named_by
from controlplane.catalog.loading.module_sources import Fetched, is_open, stored_bundle
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.sourced import SourcedVersion, sourced_version


def review_together(catalog: Catalog, before: Rows, fetched: Fetched) -> None:
    """Raise CatalogInvalidError with file and line of every release whose modules would undo one another's objects.

    Asked of releases that are new or changed, or a version of which is; one at a time, as bundles are large.
    """
    for key, release in catalog.rows["release"].items():
        versions = _named(catalog, release)
        changed = is_open(key, catalog, before) or any(
            before["module_version"].get(version.key) != catalog.rows["module_version"][version.key]
            for version in versions
        )
        if len(versions) < 2 or not changed:  # noqa: PLR2004 - of one alone its own review knows
            continue
        found = [(version, _bytes(version, fetched)) for version in versions]
        brought = [(version, content) for version, content in found if content is not None]
        for fault in ports.shared_objects(brought, release["kubernetes_patch"]):
            catalog.fault("release", key, ("modules", fault.module), fault.code, fault.detail)
    if catalog.faults:
        raise CatalogInvalidError(catalog.faults)


def _named(catalog: Catalog, release: Row) -> list[SourcedVersion]:
    rows = catalog.rows["module_version"]
    return [sourced_version(rows[key]) for key in sorted(named_by(release)) if key in rows]


def _bytes(version: SourcedVersion, fetched: Fetched) -> bytes | None:
    """Return its bundle, None where another apply dropped it meanwhile, which this one is told of later."""
    url, digest = version.source["url"], version.digest
    if digest not in fetched.contents:
        return stored_bundle(digest, url)
    content = fetched.contents[digest][1]
    return fetched.contents[chart_layer(content, url)][1] if version.is_in_registry else content
