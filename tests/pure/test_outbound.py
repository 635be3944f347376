"""Addresses that somebody else chose never lead back inside."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from controlplane.outbound import client as outbound
from controlplane.outbound.client import NoAnswerError, OutboundRefusedError, Policy, fetch

PUBLIC = Policy()


def serve(speak: Callable[[socket.socket], None]) -> Any:
    @contextmanager
    def running() -> Iterator[Policy]:
        server = socket.create_server(("127.0.0.1", 0))
        port = server.getsockname()[1]

        def accept() -> None:
            try:
                connection, _ = server.accept()
                with connection:
                    speak(connection)
            except OSError:
                return

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield Policy.read(private_networks=["127.0.0.0/8"], plain_hosts=[f"127.0.0.1:{port}"])
        server.close()

    return running()


def only_host(policy: Policy) -> str:
    (host,) = policy.plain_hosts
    return f"http://{host}"


def say(text: bytes) -> Callable[[socket.socket], None]:
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(text)

    return speak


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
        "224.0.0.1", "240.0.0.1", "255.255.255.255", "192.0.0.192",
        "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254",
        "64:ff9b::7f00:1", "64:ff9b:1::a00:1", "2002:7f00:1::", "::127.0.0.1", "fd00:ec2::254", "168.63.129.16", "fec0::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(OutboundRefusedError, match="private network"):
        fetch("https://idp.example/", policy=PUBLIC, resolver=lambda host, port: [address])


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "64:ff9b::5db8:d822"])
def test_a_public_address_is_not(address: str) -> None:
    assert outbound.is_public(ipaddress.ip_address(address))


def test_one_private_address_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(OutboundRefusedError):
        fetch(
            "https://idp.example/", policy=PUBLIC, resolver=lambda host, port: ["93.184.216.34", "127.0.0.1"]
        )


@pytest.mark.parametrize(
    "url",
    ["https://127.0.0.1/", "https://2130706433/", "https://0x7f.1/", "https://[::1]/", "https://localhost/",
     "https://[::ffff:127.0.0.1]/"],
)  # fmt: skip
def test_no_way_of_writing_this_machine_gets_through(url: str) -> None:
    with pytest.raises((OutboundRefusedError, NoAnswerError)) as caught:
        fetch(url, policy=PUBLIC)
    assert "private network" in str(caught.value) or "DNS" in str(caught.value)


@pytest.mark.parametrize(
    "url",
    ["http://idp.example/", "ftp://idp.example/", "file:///etc/passwd", "gopher://idp.example/", "//idp.example/",
     "https://user:pass@idp.example/", "https://idp.example/#a", "https:///path", "https://idp.example:99999/",
     "https://idp.example/a b", "https://idp.example\\@evil.example/", "https://idp.example/\r\nX: y",
     "https://idp.example/" + "a" * 3000],
)  # fmt: skip
def test_only_clean_https_addresses_are_called(url: str) -> None:
    def never(host: str, port: int) -> list[str]:
        raise AssertionError("resolved")

    with pytest.raises(OutboundRefusedError):
        fetch(url, policy=PUBLIC, resolver=never)


def test_the_connection_goes_to_the_address_that_was_looked_at_though_the_name_moves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = iter([["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"]])
    called: list[str] = []

    def connect(target: tuple[str, int], timeout: float) -> socket.socket:
        called.append(target[0])
        raise OSError("nobody there")

    monkeypatch.setattr(socket, "create_connection", connect)
    monkeypatch.setattr(
        socket, "getaddrinfo", lambda *_, **__: [(0, 0, 0, "", (text, 443)) for text in next(answers)]
    )
    with pytest.raises(NoAnswerError):
        fetch("https://rebinding.example/", policy=PUBLIC)
    assert called == ["93.184.216.34"]


def test_what_the_operator_listed_is_called() -> None:
    with serve(say(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-A: b\r\n\r\nok")) as policy:
        answer = fetch(only_host(policy), policy=policy)
    assert (answer.status, answer.body, answer.headers["x-a"]) == (200, b"ok", "b")


def test_a_redirect_is_not_followed() -> None:
    with (
        serve(say(b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\n\r\n")) as policy,
        pytest.raises(NoAnswerError, match="by itself"),
    ):
        fetch(only_host(policy), policy=policy)


def test_an_answer_without_end_is_cut() -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            connection.sendall(b"x" * 65536)

    with serve(speak) as policy, pytest.raises(NoAnswerError, match="more than"):
        fetch(only_host(policy), policy=policy)


def test_an_answer_that_drips_is_cut_though_every_drop_is_in_time() -> None:
    def speak(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            connection.sendall(b"x")
            time.sleep(0.05)

    with serve(speak) as policy:
        quick = Policy(policy.private_networks, policy.plain_hosts, timeout_seconds=0.5)
        begun = time.monotonic()
        with pytest.raises(NoAnswerError):
            fetch(only_host(quick), policy=quick)
    assert time.monotonic() - begun < 3


def test_a_certificate_of_another_host_is_refused_before_anything_is_sent() -> None:
    heard: list[bytes] = []

    def speak(connection: socket.socket) -> None:
        heard.append(connection.recv(65536))

    with serve(speak) as policy:
        (host,) = policy.plain_hosts
        with pytest.raises(NoAnswerError):
            fetch(f"https://{host}/secret", policy=policy)
    assert b"secret" not in heard[0]
