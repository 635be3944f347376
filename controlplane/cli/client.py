"""The REST API as the commands see it: JSON in, JSON out, and every problem as one sentence."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit
from uuid import uuid4

import httpx2

from controlplane.cli.contexts import Place
from controlplane.cli.problems import CliProblem, Status, status_of

TIMEOUT_SECONDS = 30.0
TRIES = 3
LONGEST_WAIT_SECONDS = 20.0
PASSING = frozenset({429, 502, 503, 504})

Query = Mapping[str, Any]


class Api:
    """One place, by its token; it follows no redirect and sends the token nowhere else."""

    def __init__(self, place: Place, *, transport: httpx2.BaseTransport | None = None) -> None:
        parts = urlsplit(place.url)
        if parts.scheme not in {"http", "https"} or not parts.netloc:
            raise CliProblem(f"“{place.url}” is no address; write it as https://nesoi.example.org.")
        self.base = f"{parts.scheme}://{parts.netloc}/api/v1/"
        self._http = httpx2.Client(
            headers={
                "Authorization": f"Bearer {place.token}",
                "Accept": "application/json",
                "User-Agent": "nesoi-cli",
            },
            timeout=TIMEOUT_SECONDS,
            transport=transport,
        )
        self._tries = TRIES

    def hurried(self, seconds: float) -> Api:
        """Wait for no answer any longer than this, and try only once; return it itself."""
        self._http.timeout = httpx2.Timeout(seconds)
        self._tries = 1
        return self

    def get(self, path: str, query: Query | None = None) -> Any:
        """Return what is there; raises CliProblem."""
        return self._call("GET", path, query=query)

    def post(self, path: str, body: Mapping[str, Any] | None = None, query: Query | None = None) -> Any:
        """Send a wish, once however often the network fails: the key tells the server; raises CliProblem."""
        return self._call("POST", path, body=dict(body or {}), query=query)

    def patch(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a change, once however often the network fails; raises CliProblem."""
        return self._call("PATCH", path, body=dict(body))

    def delete(self, path: str) -> Any:
        """Ask for a removal; raises CliProblem."""
        return self._call("DELETE", path)

    def every(self, path: str, query: Query | None = None, *, limit: int = 0) -> Iterator[dict[str, Any]]:
        """Yield a list's rows page by page; `limit` ends it, 0 reads it whole."""
        given = dict(query or {}) | {"limit": min(limit or 100, 100)}
        page = self.get(path, given)
        left = limit
        while True:
            for row in page["results"]:
                yield row
                left -= 1
                if left == 0:
                    return
            if not page.get("next"):
                return
            page = self._call("GET", page["next"])

    def _call(
        self, method: str, path: str, *, body: Mapping[str, Any] | None = None, query: Query | None = None
    ) -> Any:
        url = self._url(path)
        headers = {} if method == "GET" else {"Idempotency-Key": str(uuid4())}
        params = {key: value for key, value in (query or {}).items() if value not in (None, "", [], ())}
        for attempt in range(1, self._tries + 1):
            try:
                answer = self._http.request(method, url, json=body, params=params or None, headers=headers)
            except httpx2.TransportError as fault:
                if attempt == self._tries:
                    raise CliProblem(
                        f"{self.base} does not answer: {_why(fault)}.", Status.UNREACHABLE
                    ) from fault
                time.sleep(attempt)
                continue
            if (
                answer.status_code in PASSING
                and attempt < self._tries
                and (wait := _wait(answer, attempt)) is not None
            ):
                time.sleep(wait)
                continue
            return _content(answer)
        raise AssertionError("unreachable")

    def _url(self, path: str) -> str:
        """Return the whole address; a link that the server gave must lead back to it."""
        url = urljoin(self.base, path)
        if not url.startswith(self.base):
            raise CliProblem(
                f"The server pointed to {url}, which is not below {self.base}.", Status.UNREACHABLE
            )
        return url


def _why(fault: httpx2.TransportError) -> str:
    return str(fault) or type(fault).__name__


def _wait(answer: httpx2.Response, attempt: int) -> float | None:
    """Return how long to wait before another try, or None where the server asks for more patience than we have."""
    try:
        asked = float(answer.headers.get("Retry-After", attempt))
    except ValueError:
        asked = float(attempt)
    return asked if asked <= LONGEST_WAIT_SECONDS else None


def _content(answer: httpx2.Response) -> Any:
    if answer.is_success:
        return answer.json() if answer.content else None
    raise CliProblem(_sentence(answer), status_of(answer.status_code))


def _sentence(answer: httpx2.Response) -> str:
    """Return the problem's own words, with the fields they are about."""
    try:
        problem = answer.json()
        told = str(problem["detail"])
    except (ValueError, KeyError, TypeError):
        return f"The server answered {answer.status_code} without a reason; is this the address of a Nesoi?"
    if problem.get("code") == "tenant_required":  # at a terminal nobody writes a query
        told = told.replace("?tenant=", "--tenant")
    fields = [
        f"{one['field']}: {one['detail']}"
        for one in problem.get("errors", ())
        if one.get("detail") and one["detail"] not in told
    ]
    return " ".join([told, *fields])
