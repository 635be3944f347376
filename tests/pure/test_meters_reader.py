"""A cluster is read whole or not at all, whatever its API server does."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import pytest
from aiohttp import web

from billing.collecting.credentials import Access
from billing.collecting.failures import ReadError
from billing.collecting.reader import LISTS, METRICS, SNAPSHOTS, Reader, Timeouts, session_for
from billing.collecting.resuming import ResumingContext
from billing.collecting.sight import Answers

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def items(*found: Any, token: str = "") -> web.Response:
    body = {"kind": "List", "metadata": {"continue": token} if token else {}, "items": list(found)}
    return web.Response(body=orjson.dumps(body), content_type="application/json")


def read(answer: Callable[[web.Request], web.Response | Awaitable[web.Response]]) -> Answers:
    """Read a server that answers so."""

    async def handle(request: web.Request) -> web.StreamResponse:
        found = answer(request)
        return found if isinstance(found, web.Response) else await found

    async def scenario() -> Answers:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        port = runner.addresses[0][1]
        access = Access(
            f"http://127.0.0.1:{port}",
            ResumingContext(ssl.PROTOCOL_TLS_CLIENT),
            "secret",
            "",
            time.time() + 60,
        )
        try:
            async with session_for(2) as session:
                return await Reader(session, Timeouts(request=0.3, runtime=1.0)).read(access)
        finally:
            await runner.cleanup()

    return asyncio.run(scenario())


def test_every_list_is_asked_for_from_memory_in_pages_with_the_token() -> None:
    asked: list[web.Request] = []

    def answer(request: web.Request) -> web.Response:
        asked.append(request)
        return items({"path": request.path})

    found = read(answer)
    assert {request.path for request in asked} == {*LISTS.values(), SNAPSHOTS, METRICS}
    assert all(request.query == {"limit": "500", "resourceVersion": "0"} for request in asked)
    assert all(request.headers["Authorization"] == "Bearer secret" for request in asked)
    assert found.pods == [{"path": "/api/v1/pods"}]
    assert found.metrics == [{"path": METRICS}]


def test_pages_are_put_together() -> None:
    def answer(request: web.Request) -> web.Response:
        page = request.query.get("continue", "")
        following = {"": "a/b==", "a/b==": "c", "c": ""}[page]
        return items(page, token=following)

    assert list[Any](read(answer).nodes) == ["", "a/b==", "c"]


def test_a_list_that_grew_too_old_between_its_pages_is_read_anew_and_whole() -> None:
    def answer(request: web.Request) -> web.Response:
        if request.query.get("continue"):
            return web.Response(status=410)
        return items("old", token="t") if "limit" in request.query else items("one", "two")

    assert list[Any](read(answer).pods) == ["one", "two"]


@pytest.mark.parametrize("path", LISTS.values())
@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
def test_one_list_that_is_refused_spoils_the_sight(path: str, status: int) -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(status=status) if request.path == path else items()

    with pytest.raises(ReadError):
        read(answer)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"null", b'{"items": 5}', b'{"kind": "Status"}', b'{"items": [', b"<html>"]
)
def test_what_is_no_list_spoils_the_sight(body: bytes) -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(body=body) if request.path == "/api/v1/pods" else items()

    with pytest.raises(ReadError) as caught:
        read(answer)
    assert caught.value.reason == "unreadable"


def test_a_list_that_has_no_end_is_given_up() -> None:
    with pytest.raises(ReadError):
        read(lambda request: items(token="again"))


def test_a_cluster_without_snapshots_has_none_but_one_that_fails_to_tell_is_not_read() -> None:
    def missing(request: web.Request) -> web.Response:
        return web.Response(status=404) if request.path == SNAPSHOTS else items()

    def broken(request: web.Request) -> web.Response:
        return web.Response(status=503) if request.path == SNAPSHOTS else items()

    assert read(missing).snapshots == []
    with pytest.raises(ReadError):
        read(broken)


@pytest.mark.parametrize("status", [403, 404, 500, 503])
def test_without_metrics_the_rest_is_read(status: int) -> None:
    def answer(request: web.Request) -> web.Response:
        return web.Response(status=status) if request.path == METRICS else items("x")

    found = read(answer)
    assert found.metrics is None
    assert list[Any](found.nodes) == ["x"]


def test_a_server_that_hangs_or_drips_is_left_in_time() -> None:
    async def hanging(request: web.Request) -> web.Response:
        await asyncio.sleep(5)
        return items()

    async def slow(request: web.Request) -> web.Response:
        await asyncio.sleep(0.25)
        return items(token="again")

    for answer in (hanging, slow):
        began = time.monotonic()
        with pytest.raises(ReadError) as caught:
            read(answer)
        assert caught.value.reason == "timeout"
        assert time.monotonic() - began < 4


def test_a_redirect_is_not_followed_with_the_token() -> None:
    def answer(request: web.Request) -> web.Response:
        assert not request.path.startswith("/elsewhere")
        return web.Response(status=302, headers={"Location": "/elsewhere"})

    with pytest.raises(ReadError):
        read(answer)
