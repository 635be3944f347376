"""Bodies that come in chunks, without saying how long they are: Django would take them for empty. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from io import BytesIO
from typing import Any

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


def with_lengths(application: Application, *, most: int) -> Application:
    """Return the application for which every body says its length; of one above `most` bytes, that it is too long."""

    def call(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ.get("HTTP_TRANSFER_ENCODING") and not environ.get("CONTENT_LENGTH"):
            body = _read(environ["wsgi.input"], most + 1)
            environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
        return application(environ, start_response)

    return call


def _read(stream: Any, most: int) -> bytes:
    body = bytearray()
    # Whoever breaks off leaves no whole body: that is refused like any other that can't be read.
    with suppress(OSError):
        while len(body) < most and (chunk := stream.read(min(most - len(body), 65_536))):
            body += chunk
    return bytes(body)
