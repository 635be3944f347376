"""Reads one cluster: a few lists over one kept connection, whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import aiohttp
import orjson
from yarl import URL

from billing.collecting.credentials import Access
from billing.collecting.failures import ReadError
from billing.collecting.sight import Answers

PAGE = 500
MOST_BYTES = 128 * 2**20
MOST_PAGES = 2_000
NOT_FOUND, GONE, ERROR = 404, 410, 400
REFUSED = {401: "unauthorized", 403: "forbidden", 429: "too_many_requests"}
LISTS = {
    "nodes": "/api/v1/nodes",
    "namespaces": "/api/v1/namespaces",
    "pods": "/api/v1/pods",
    "claims": "/api/v1/persistentvolumeclaims",
    "services": "/api/v1/services",
}
SNAPSHOTS = "/apis/snapshot.storage.k8s.io/v1/volumesnapshots"
METRICS = "/apis/metrics.k8s.io/v1beta1/pods"
# From the API server's memory, which spares its etcd; some seconds old at most.
_FIRST = f"?limit={PAGE}&resourceVersion=0"


@dataclass(frozen=True, slots=True)
class Timeouts:
    """In seconds: of one request, and of a whole runtime."""

    request: float = 10.0
    runtime: float = 30.0

    @classmethod
    def of(cls, request: float) -> Timeouts:
        """Return the timeouts that go with one of a request."""
        return cls(request, 3 * request)


class Reader:
    """Reads clusters through one pool of connections; one cluster's requests follow one another on one connection."""

    def __init__(self, session: aiohttp.ClientSession, timeouts: Timeouts) -> None:
        self._session = session
        self._timeouts = timeouts
        self._timeout = aiohttp.ClientTimeout(total=timeouts.request)
        self.requests = 0
        self.bytes = 0

    async def read(self, access: Access) -> Answers:
        """Return every list; raises ReadError when one of them does not come, save use, which may be unknown."""
        try:
            async with asyncio.timeout(self._timeouts.runtime):
                lists = {name: await self._list(access, path) for name, path in LISTS.items()}
                snapshots = await self._list(access, SNAPSHOTS, missing=[])
                metrics = await self._metrics(access)
                access.context.keep()
                return Answers(**lists, snapshots=snapshots, metrics=metrics)
        except TimeoutError:
            raise ReadError("timeout", f"{access.server} took too long") from None

    async def _metrics(self, access: Access) -> list[Any] | None:
        """Return what pods use, or None: a cluster without figures has levels all the same."""
        try:
            found = await self._list(access, METRICS, missing=[])
        except ReadError:
            return None
        return found or None

    async def _list(
        self, access: Access, path: str, missing: list[Any] | None = None, *, pages: bool = True
    ) -> list[Any]:
        """Return all items; where the kind is not served, `missing` when it is given."""
        query, items = _FIRST if pages else "?resourceVersion=0", list[Any]()
        for _ in range(MOST_PAGES):
            status, body = await self._get(access, path + query)
            if status == NOT_FOUND and missing is not None:
                return missing
            if status == GONE and pages:  # the list grew too old between its pages
                return await self._list(access, path, missing, pages=False)
            if status >= ERROR:
                raise ReadError(REFUSED.get(status, "refused"), f"{path} answered {status}")
            found, token = _understood(body, path)
            items = items + found if items else found
            if not token:
                return items
            query = f"?limit={PAGE}&continue={quote(token, safe='')}"
        raise ReadError("unreadable", f"{path} has no end")

    async def _get(self, access: Access, path: str) -> tuple[int, bytes]:
        url = URL(access.server + path, encoded=True)
        headers: Mapping[str, str] = {"Authorization": f"Bearer {access.token}"} if access.token else {}
        self.requests += 1
        try:
            async with self._session.get(
                url,
                headers=headers,
                ssl=access.context,
                server_hostname=access.tls_server_name or None,
                timeout=self._timeout,
                allow_redirects=False,
            ) as answer:
                if answer.content_length is not None and answer.content_length > MOST_BYTES:
                    raise ReadError("unreadable", f"{path} is larger than {MOST_BYTES} bytes")
                body = await answer.read()
                self.bytes += len(body)
                return answer.status, body
        except TimeoutError:
            raise ReadError("timeout", f"{path} took too long") from None
        except aiohttp.ClientSSLError as error:
            raise ReadError("untrusted", type(error).__name__) from None
        except (aiohttp.ClientError, OSError, ValueError) as error:
            # The type says enough; the text of such errors may hold addresses and headers.
            raise ReadError("unreachable", type(error).__name__) from None


def _understood(body: bytes, path: str) -> tuple[list[Any], str]:
    try:
        found = orjson.loads(body)
        items = found["items"]
        token = (found.get("metadata") or {}).get("continue") or ""
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        raise ReadError("unreadable", f"{path} answered what is no list") from None
    if items is None:  # an empty list of some servers
        items = []
    if not isinstance(items, list):
        raise ReadError("unreadable", f"{path} answered what is no list")
    return items, token


def session_for(concurrency: int) -> aiohttp.ClientSession:
    """Return the pool: connections are kept for as long as one runtime's requests follow one another.

    Ten thousand idle ones would outlive a slot in few load balancers, and cost every cluster one; the session that
    `ResumingContext` keeps spares the next one its certificates.
    """
    connector = aiohttp.TCPConnector(limit=concurrency * 2, keepalive_timeout=5.0, ttl_dns_cache=300)
    headers = {"Accept": "application/json", "User-Agent": "nesoi-collector"}
    return aiohttp.ClientSession(connector=connector, headers=headers, cookie_jar=aiohttp.DummyCookieJar())
