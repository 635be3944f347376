"""List and watch as one stream of events: pages, bookmarks, and a fresh list when history was compacted."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from random import uniform
from typing import Any, Protocol

from provisioner.drivers.base import Cursor, Event, EventType, Observed
from provisioner.drivers.kube.refusals import ApiRefused
from provisioner.drivers.shoots.observed import absent, changed_at, observed_of, owner_of
from provisioner.drivers.shoots.ownership import is_foreign, is_our_making, labelled

Json = dict[str, Any]
_GONE = 410
# Short watches: a bookmark comes before each ends, so a connection that fell silent is noticed within two minutes.
_WATCH_SECONDS = (50.0, 70.0)
_GRACE_SECONDS = 15.0
_PAGE_SECONDS = 30.0  # 500 Shoots are some 4 MB


class Api(Protocol):
    """What of a client is needed here."""

    def call(
        self,
        method: str,
        path: str,
        *,
        query: Mapping[str, str] | None = None,
        timeout_seconds: float | None = None,
    ) -> Json:
        """Return the answer's JSON."""
        ...

    def watch(self, path: str, query: Mapping[str, str], *, silence_seconds: float) -> Iterator[Json]:
        """Yield raw watch events."""
        ...


def follow(api: Api, path: str, selection: Mapping[str, str], since: Cursor | None) -> Iterator[Event]:
    """Yield events from `since`, or from a full list when it is None or no longer known; ends when the server ends the watch.

    Raises what `api` raises, except for a history that was compacted or replaced, which leads to a list.
    """
    version = since.version if since else ""
    if version and _is_past(api, path, selection, version):
        try:
            yield from _watch(api, path, selection, version)
        except ApiRefused as error:
            if error.status != _GONE:
                raise
        else:
            return
    version = yield from _list(api, path, selection)
    yield from _watch(api, path, selection, version)


def _is_past(api: Api, path: str, selection: Mapping[str, str], version: str) -> bool:
    """A server restored from a backup is behind us; it would keep silent on a watch from its own future."""
    page = api.call("GET", path, query={**selection, "limit": "1"})
    present = str((page.get("metadata") or {}).get("resourceVersion") or "")
    return not (present.isdigit() and version.isdigit()) or int(version) <= int(present)


def _list(api: Api, path: str, selection: Mapping[str, str]) -> Generator[Event, None, str]:
    """Yield RELIST_BEGIN, one SEEN per Shoot, RELIST_END; begin anew when a page's token expires. Returns the version."""
    while True:
        try:
            version = yield from _pages(api, path, selection)
        except ApiRefused as error:
            if error.status != _GONE:
                raise
            continue
        yield Event(EventType.RELIST_END, version)
        return version


def list_made(api: Api, path: str, selection: Mapping[str, str], *, installation: str) -> list[Observed]:
    """Return the Shoots of one full list that we applied, labelled or not; begin anew when a page's token expires.

    Of each only whose it is: a specification is some 40 KB in memory, and a landscape has 10,000.
    """
    while True:
        try:
            return [
                _row(shoot, installation)
                for page in _raw_pages(api, path, selection)
                for shoot in page.get("items") or ()
                if is_our_making(shoot)
            ]
        except ApiRefused as error:
            if error.status != _GONE:
                raise


def _row(shoot: Json, installation: str) -> Observed:
    seen = observed_of(shoot)
    return Observed(
        name=seen.name,
        situation=seen.situation,
        owner=seen.owner,
        version=seen.version,
        tagged=bool(labelled(shoot)),
        foreign=is_foreign(shoot, installation),
    )


def _raw_pages(api: Api, path: str, selection: Mapping[str, str]) -> Iterator[Json]:
    query = dict(selection)
    while True:
        page = api.call("GET", path, query=query, timeout_seconds=_PAGE_SECONDS)
        yield page
        token = (page.get("metadata") or {}).get("continue")
        if not token:
            return
        query["continue"] = token


def _pages(api: Api, path: str, selection: Mapping[str, str]) -> Generator[Event, None, str]:
    version = ""
    for at, page in enumerate(_raw_pages(api, path, selection)):
        version = str((page.get("metadata") or {}).get("resourceVersion") or "")
        if at == 0:
            yield Event(EventType.RELIST_BEGIN, version)
        for shoot in page.get("items") or ():
            seen = observed_of(shoot)
            yield Event(EventType.SEEN, seen.version, seen)
    return version


def _watch(api: Api, path: str, selection: Mapping[str, str], version: str) -> Iterator[Event]:
    seconds = uniform(*_WATCH_SECONDS)  # noqa: S311 - spreads reconnections, guards nothing
    query = {
        **{key: value for key, value in selection.items() if key != "limit"},
        "watch": "true",
        "allowWatchBookmarks": "true",
        "resourceVersion": version,
        "timeoutSeconds": str(int(seconds)),
    }
    for raw in api.watch(path, query, silence_seconds=seconds + _GRACE_SECONDS):
        kind, thing = raw.get("type"), raw.get("object") or {}
        if kind == "ERROR":
            raise ApiRefused(
                int(thing.get("code") or 500), str(thing.get("reason") or ""), str(thing.get("message") or "")
            )
        at = str((thing.get("metadata") or {}).get("resourceVersion") or "")
        if kind == "BOOKMARK":
            yield Event(EventType.BOOKMARK, at)
        elif kind == "DELETED":
            gone = replace(absent(thing["metadata"]["name"]), owner=owner_of(thing["metadata"]), version=at)
            yield Event(EventType.GONE, at, gone)
        elif kind in {"ADDED", "MODIFIED"}:
            yield Event(EventType.SEEN, at, observed_of(thing), at=changed_at(thing))
