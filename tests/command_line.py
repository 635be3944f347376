"""The `nesoi` command against this process's own REST API: its requests go where Django's test client sends them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest
from django.test import Client

from controlplane.cli import options
from controlplane.cli.app import main
from controlplane.cli.client import Api


class InProcess(httpx2.BaseTransport):
    """Hands a request to Django's test client, and counts."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, str]] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the server would."""
        self.sent.append((request.method, request.url.path))
        answer = Client(raise_request_exception=False).generic(
            request.method,
            request.url.raw_path.decode(),
            request.read(),
            content_type=request.headers.get("Content-Type", "application/octet-stream"),
            headers={
                key: value
                for key, value in request.headers.items()
                if key.lower() not in {"host", "content-type"}
            },
            SERVER_NAME="testserver",
        )
        headers = [(key, value) for key, value in answer.items() if key.lower() != "content-length"]
        return httpx2.Response(answer.status_code, headers=headers, content=_content(answer))


def _content(answer: Any) -> bytes:
    return b"".join(answer.streaming_content) if answer.streaming else bytes(answer.content)


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it wrote."""

    status: int
    out: str
    err: str


Run = Callable[..., Ended]


def runner(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, transport: httpx2.BaseTransport
) -> Run:
    """Return what runs a command: `run("runtimes", "list", token=…)`."""

    monkeypatch.setattr(logging.getLogger("httpx2"), "disabled", True)  # the command itself sets up no log

    def run(*words: str, token: str = "") -> Ended:
        if token:
            monkeypatch.setenv("NESOI_URL", "http://testserver")
            monkeypatch.setenv("NESOI_TOKEN", token)
        kept = options.connect.set(lambda place: Api(place, transport=transport))
        try:
            status = main(list(words))
        finally:
            options.connect.reset(kept)
        written = capsys.readouterr()
        return Ended(status, written.out, written.err)

    return run
