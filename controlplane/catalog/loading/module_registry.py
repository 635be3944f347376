"""Brings Helm charts from registries that speak the OCI distribution API (v1.1): a manifest by its digest, then its one chart."""

from __future__ import annotations

import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode, urlsplit

from controlplane.catalog.loading.module_download import (
    MOST_BYTES,
    Downloader,
    SourceUnavailableError,
    authority,
    content_of,
    decoded,
    prove,
)
from controlplane.outbound.client import Answer

MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.cncf.helm.config.v1+json"
CHART = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
_NAME = re.compile(r"[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*")  # distribution-spec, pull
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_PART = re.compile(r'([a-z]+)="([^"]*)"')


@dataclass(frozen=True)
class Chart:
    """A chart with the manifest that names it, both proved."""

    manifest: bytes
    digest: str  # of the chart itself
    content: bytes


def repository(url: str) -> tuple[str, str]:
    """Return registry and name of an oci:// address; raises SourceUnavailableError for one with more or less than that."""
    scheme, _, rest = url.partition("://")
    registry, _, name = rest.partition("/")
    if scheme != "oci" or not authority(f"https://{rest}") or "@" in registry or not _NAME.fullmatch(name):
        said = f"{url} must be oci://registry/repository/chart, without a tag: the digest says which."
        raise SourceUnavailableError("module_source_invalid", said)
    return registry, name


def fetch_chart(downloader: Downloader, url: str, digest: str) -> Chart:
    """Return the chart whose manifest has this digest; raises SourceUnavailableError."""
    registry, name = repository(url)
    base = f"https://{registry}/v2/{name}"
    session = _Session(downloader)
    manifest = prove(session.get(f"{base}/manifests/{digest}", MANIFEST), digest, f"{url}@{digest}")
    layer = chart_layer(manifest, f"{url}@{digest}")
    content = session.get(f"{base}/blobs/{layer}", "application/octet-stream")
    return Chart(manifest, layer, prove(content, layer, f"The chart of {url}@{digest}"))


def chart_layer(manifest: bytes, what: str) -> str:
    """Return the digest of the chart that a manifest names; raises SourceUnavailableError."""
    said = decoded(manifest, f"The manifest of {what}")
    config = said.get("config") if isinstance(said, dict) else None
    kind = config.get("mediaType") if isinstance(config, dict) else None
    if kind != CONFIG:
        found = str(kind)[:200] if kind else "something else"
        detail = f"{what} is no Helm chart, but {found}: name the digest of a chart's manifest."
        raise SourceUnavailableError("module_source_invalid", detail)
    layers = said.get("layers")
    listed = layers if isinstance(layers, list) else []
    charts = [one for one in listed if isinstance(one, dict) and one.get("mediaType") == CHART]
    if len(charts) != 1 or not _DIGEST.fullmatch(str(charts[0].get("digest"))):
        raise SourceUnavailableError("module_source_invalid", f"{what} does not hold exactly one chart.")
    size = charts[0].get("size")
    if isinstance(size, int) and size > MOST_BYTES:
        detail = f"The chart of {what} has {size} bytes; {MOST_BYTES} are the most."
        raise SourceUnavailableError("module_source_too_large", detail)
    return str(charts[0]["digest"])


class _Session:
    """One registry, with the token that it gave."""

    def __init__(self, downloader: Downloader) -> None:
        self._downloader = downloader
        self._headers: dict[str, str] = {}

    def get(self, url: str, accept: str) -> bytes:
        answer = self._downloader.get(url, self._headers, accept=accept)
        if answer.status == HTTPStatus.UNAUTHORIZED and not self._headers:
            self._headers = self._authorized(url, answer)
            answer = self._downloader.get(url, self._headers, accept=accept)
        return content_of(url, answer)

    def _authorized(self, url: str, answer: Answer) -> dict[str, str]:
        """Do what the challenge asks for (RFC 6750 with realm, service and scope; or RFC 7617), where it is the registry's own.

        Whoever else a redirect led to could name an address of theirs, and would be sent what is the registry's.
        """
        if authority(answer.url) != authority(url):
            raise _distrusted(url, f"led to {authority(answer.url)}, which asks who it is that comes")
        scheme, _, rest = answer.headers.get("www-authenticate", "").partition(" ")
        if scheme.lower() == "basic":
            return self._downloader.basic(url) or content_error(url, answer)
        asked = dict(_PART.findall(rest))
        if scheme.lower() != "bearer" or "realm" not in asked:
            return content_error(url, answer)
        if not authority(asked["realm"]):
            raise _distrusted(url, f"names {asked['realm'][:200]!a} for tokens, which is no https:// address")
        query = urlencode({key: asked[key] for key in ("service", "scope") if key in asked})
        token_url = f"{asked['realm']}{'&' if '?' in asked['realm'] else '?'}{query}"
        given = self._downloader.get(token_url, self._downloader.basic(url), accept="application/json")
        said: Any = decoded(
            content_of(token_url, given), f"What {urlsplit(token_url).netloc} gave for a token"
        )
        token = (said.get("token") or said.get("access_token")) if isinstance(said, dict) else None
        if not isinstance(token, str) or not token:
            return content_error(url, answer)
        return {"Authorization": f"Bearer {token}"}


def _distrusted(url: str, seen: str) -> SourceUnavailableError:
    said = (
        f"{url.partition('?')[0]} {seen}: neither credentials nor tokens were sent there, they are for {urlsplit(url).netloc} "
        "alone. Have the registry mended, or name in `url` the one that holds it."
    )
    return SourceUnavailableError("module_source_refused", said)


def content_error(url: str, answer: Answer) -> dict[str, str]:
    """Raise SourceUnavailableError for an answer that lets nobody in."""
    content_of(url, answer)
    raise SourceUnavailableError("module_source_unreachable", f"{url} let nobody in.")
