"""The HTTP layer never waits longer than told, whatever the server does, and sends credentials nowhere else."""

from __future__ import annotations

import datetime as dt
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest

from controlplane.kernel.errors import Retry
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import ApiAccess
from provisioner.drivers.kube.refusals import ApiRefused
from tests.contracts.certificates import certificate

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"
Script = Callable[[ssl.SSLSocket], None]
Serve = Callable[..., KubeClient]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """A server that answers each connection in turn by the next script; the client is told a timeout."""
    ca, key = certificate()
    (tmp_path / "pem").write_text(ca + key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "pem")
    listener = socket.create_server(("127.0.0.1", 0))

    def run(scripts: tuple[Script, ...]) -> None:
        for script in scripts:
            try:
                plain, _ = listener.accept()
                with context.wrap_socket(plain, server_side=True) as connection:
                    connection.settimeout(10)
                    script(connection)
            except OSError:
                continue

    def make(*scripts: Script, timeout_seconds: float = 1.0) -> KubeClient:
        Thread(target=run, args=(scripts,), daemon=True).start()
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
        access = ApiAccess(server=address, ca_pem=ca, token="canary")
        return KubeClient(access, name="The server", timeout_seconds=timeout_seconds)

    yield make
    listener.close()


def answer(content: bytes) -> Script:
    def script(connection: ssl.SSLSocket) -> None:
        connection.recv(65536)
        connection.sendall(content)

    return script


def hang(connection: ssl.SSLSocket) -> None:
    connection.recv(65536)
    connection.recv(1)


def drip(connection: ssl.SSLSocket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b" ")
        time.sleep(0.05)


def close(connection: ssl.SSLSocket) -> None:
    connection.recv(65536)


@pytest.mark.parametrize("script", [hang, drip])
def test_a_server_that_says_little_or_nothing_is_left_in_time(serve: Serve, script: Script) -> None:
    client = serve(script)
    began = time.monotonic()
    with pytest.raises(Retry) as caught:
        client.call("GET", "/")
    assert time.monotonic() - began < 3
    assert (caught.value.code, caught.value.landscape_fault) == ("timed_out", True)


def test_a_connection_closed_before_the_answer_is_tried_once_more(serve: Serve) -> None:
    assert serve(close, answer(OK)).call("GET", "/") == {}


def test_a_connection_closed_twice_is_a_passing_fault(serve: Serve) -> None:
    with pytest.raises(Retry) as caught:
        serve(close, close).call("GET", "/")
    assert caught.value.code == "unreachable"


def test_a_server_that_takes_no_connection_is_not_one_that_takes_too_long() -> None:
    ca, _ = certificate()
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = f"https://127.0.0.1:{listener.getsockname()[1]}"
    with pytest.raises(Retry) as caught:
        KubeClient(ApiAccess(server=address, ca_pem=ca), name="The server", timeout_seconds=1.0).call(
            "GET", "/"
        )
    assert caught.value.code == "unreachable"


def test_a_redirect_is_not_followed(serve: Serve) -> None:
    elsewhere = b"HTTP/1.1 302 Found\r\nLocation: https://169.254.169.254/\r\nContent-Length: 0\r\n\r\n"
    with pytest.raises(ApiRefused) as caught:
        serve(answer(elsewhere)).call("GET", "/")
    assert caught.value.status == 502


@pytest.mark.parametrize("content", [b"<html>", b"[]", b"\xff"])
def test_an_answer_that_is_no_object_is_refused(serve: Serve, content: bytes) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(content)}\r\n\r\n".encode()
    with pytest.raises(ApiRefused):
        serve(answer(head + content)).call("GET", "/")


def test_a_retry_after_is_handed_on_instead_of_slept_through(serve: Serve) -> None:
    busy = b"HTTP/1.1 429 Too Many\r\nRetry-After: 30\r\nContent-Length: 2\r\n\r\n{}"
    began = time.monotonic()
    with pytest.raises(ApiRefused) as caught:
        serve(answer(busy)).call("GET", "/")
    assert caught.value.after == dt.timedelta(seconds=30)
    assert time.monotonic() - began < 3


def test_a_server_that_nobody_vouches_for_is_told_nothing(serve: Serve) -> None:
    heard: list[bytes] = []
    client = serve(lambda connection: heard.append(connection.recv(65536)))
    stranger, _ = certificate()
    server = client._server
    distrustful = KubeClient(
        ApiAccess(server=server, ca_pem=stranger, token="canary"), name="The server", timeout_seconds=1.0
    )
    with pytest.raises(Retry) as caught:
        distrustful.call("GET", "/")
    assert "canary" not in repr(caught.value) + str(caught.value)
    assert not heard


def test_a_watch_that_breaks_off_says_so_after_what_it_told(serve: Serve) -> None:
    lines = b'{"type":"BOOKMARK","object":{}}\n'
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    chunk = f"{len(lines):x}\r\n".encode() + lines + b"\r\n"
    events = serve(answer(head + chunk)).watch("/", {}, silence_seconds=1.0)
    assert next(events)["type"] == "BOOKMARK"
    with pytest.raises(Retry):
        list(events)


def test_a_watch_that_falls_silent_ends(serve: Serve) -> None:
    def silent(connection: ssl.SSLSocket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
        connection.recv(1)

    began = time.monotonic()
    with pytest.raises(Retry):
        list(serve(silent).watch("/", {}, silence_seconds=0.5))
    assert time.monotonic() - began < 3
