"""Fetches what versions of modules are made of, proves it and has it reviewed, before anything is written."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from django.conf import settings

from controlplane.catalog import ports
from controlplane.catalog.loading.catalog import Catalog, Row
from controlplane.catalog.loading.difference import Rows
from controlplane.catalog.loading.module_download import (
    MOST_BYTES,
    Downloader,
    SourceUnavailableError,
    check_authorities,
    prove,
    read_credentials,
)
from controlplane.catalog.loading.module_registry import chart_layer, fetch_chart
from controlplane.catalog.loading.module_rows import named_by
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.models import Content
from controlplane.catalog.sourced import SourcedVersion, sourced_version
from controlplane.outbound.client import Policy

BAD_SETTINGS = "module_source_settings"
PATIENCE_SECONDS = 60.0  # of one download


@dataclass
class Fetched:
    """Proved bytes by their digest with where each came from, and what would come of them, in sentences; `doubts` are about
    what an older build let in.
    """

    contents: dict[str, tuple[str, bytes]] = field(default_factory=dict)
    summary: list[str] = field(default_factory=list)
    doubts: list[str] = field(default_factory=list)


def fetch_sources(catalog: Catalog, before: Rows) -> Fetched:
    """Fetch and review what is new, outside any transaction; raises CatalogInvalidError with file and line of every fault.

    What is stored already is not fetched again. What did not change is reviewed again, for this build may have other rules than
    the one that let it in, but only told: runtimes have it, and published it can't be mended. A new release must not name it.
    """
    fetched = Fetched()
    client: Downloader | None = None
    for key, row in catalog.rows["module_version"].items():
        version = sourced_version(row)
        try:
            content = stored_bundle(version.digest, version.source["url"])
            if content is None:
                client = client or downloader()
                content = _download(client, version, fetched)
        except SourceUnavailableError as error:
            catalog.fault("module_version", key, ("source",), error.code, str(error))
            if error.code == BAD_SETTINGS:
                break  # nothing can be fetched, and once told is enough
            continue
        said = ports.review_source(version, content, _kubernetes_of(key, catalog))
        if not _is_new(key, catalog, before):
            fetched.doubts += [_doubt(key, fault) for fault in said.faults]
            continue
        for fault in said.faults:
            catalog.fault("module_version", key, ("source",), fault.code, fault.detail)
        fetched.summary += [f"{key}: {sentence}" for sentence in said.summary]
    if catalog.faults:
        raise CatalogInvalidError(catalog.faults)
    return fetched


def sourced_versions(catalog: Catalog) -> list[SourcedVersion]:
    """Return the versions that the files name sources for."""
    return [sourced_version(row) for row in catalog.rows["module_version"].values()]


def downloader() -> Downloader:
    """Return what fetches within this installation's settings; raises SourceUnavailableError for settings that can't be read."""
    try:
        policy = Policy.read(private_networks=settings.MODULE_SOURCE_NETWORKS, plain_hosts=[])
        credentials = read_credentials(settings.MODULE_SOURCE_CREDENTIALS)
        check_authorities(settings.MODULE_SOURCE_AUTHORITIES)
    except ValueError as error:
        raise SourceUnavailableError(BAD_SETTINGS, f"MODULE_SOURCE_*: {error}.") from error
    bounded = replace(
        policy,
        timeout_seconds=PATIENCE_SECONDS,
        most_bytes=MOST_BYTES,
        authorities=settings.MODULE_SOURCE_AUTHORITIES,
    )
    return Downloader(bounded, credentials)


def stored_bundle(digest: str, url: str) -> bytes | None:
    """Return a source's chart or manifests as stored, None where something is missing; two statements at most."""
    content = _stored(digest)
    if content is None or not _in_registry(url):
        return content
    return _stored(chart_layer(content, url))


def _stored(digest: str) -> bytes | None:
    found = Content.objects.filter(pk=digest).values_list("content", flat=True).first()
    return None if found is None else bytes(found)


def _download(client: Downloader, version: SourcedVersion, fetched: Fetched) -> bytes:
    url, digest = version.source["url"], version.digest
    if not _in_registry(url):
        content = prove(client.download(url), digest, url)
        fetched.contents[digest] = (url, content)
        return content
    chart = fetch_chart(client, url, digest)
    fetched.contents[digest] = (url, chart.manifest)
    fetched.contents[chart.digest] = (url, chart.content)
    return chart.content


def _in_registry(url: str) -> bool:
    return url.startswith("oci://")


def _doubt(key: str, fault: ports.ModuleFault) -> str:
    if fault.code == "helm_missing":
        return f"{key} was let in before, and can't be looked at again here: {fault.detail}"
    return f"{key} was let in before, and would not be by this build ({fault.code}): {fault.detail}"


def _is_new(key: str, catalog: Catalog, before: Rows) -> bool:
    """Say whether a version is new or changed, or a release names it that is not published yet and is new or changed."""
    if before["module_version"].get(key) != catalog.rows["module_version"][key]:
        return True
    return any(
        key in named_by(row) and is_open(name, catalog, before)
        for name, row in catalog.rows["release"].items()
    )


def is_open(release: str, catalog: Catalog, before: Rows) -> bool:
    """Say whether a release is new or changed, and its modules are still to be chosen: of a published one they never change."""
    was = before["release"].get(release)
    return was is None or (was["draft"] and was != catalog.rows["release"][release])


def _kubernetes_of(key: str, catalog: Catalog) -> list[str]:
    """Return the Kubernetes versions that it is installed on: those of releases that name it, or the catalog's."""
    named = {row["kubernetes_patch"] for row in catalog.rows["release"].values() if key in named_by(row)}
    return sorted(named) or sorted(row["patch"] for row in catalog.rows["kubernetes_version"].values())


def broken_versions(before: Rows, after: Mapping[str, Mapping[str, Row]]) -> list[str]:
    """Return a sentence for every version that published releases name and whose entry says something else now, or is gone."""
    reasons = []
    for key, row in before["module_version"].items():
        if after["module_version"].get(key) == row:
            continue
        names = sorted(
            name for name, one in before["release"].items() if not one["draft"] and key in named_by(one)
        )
        if names:
            reasons.append(
                f"module version {key} is part of the published release {', '.join(names)}, which never changes; restore its "
                "entry in modules.yaml and add a new version."
            )
    return reasons
