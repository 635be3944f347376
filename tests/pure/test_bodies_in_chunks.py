"""A body that comes in chunks arrives whole, and one that never ends is cut where it is too large."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from io import BytesIO
from typing import Any

import pytest

from controlplane.config.chunked import with_lengths


class Broken(BytesIO):
    """A sender that breaks off."""

    def read(self, size: int | None = -1, /) -> bytes:
        if chunk := super().read(size):
            return chunk
        raise OSError


def arrived(stream: BytesIO, **environ: str) -> tuple[bytes, str]:
    """What the application is given: its body, and the length that it says."""
    seen: list[tuple[bytes, str]] = []

    def application(given: dict[str, Any], _: Callable[..., Any]) -> Iterable[bytes]:
        seen.append((given["wsgi.input"].read(), given.get("CONTENT_LENGTH", "")))
        return []

    with_lengths(application, most=100)({"wsgi.input": stream, **environ}, lambda *_: None)
    return seen[0]


@pytest.mark.parametrize("stream", [BytesIO, Broken])
def test_a_chunked_body_says_its_length(stream: type[BytesIO]) -> None:
    assert arrived(stream(b"x" * 70), HTTP_TRANSFER_ENCODING="chunked") == (b"x" * 70, "70")


def test_a_chunked_body_that_is_too_large_is_cut_behind_the_limit() -> None:
    assert arrived(BytesIO(b"x" * 7000), HTTP_TRANSFER_ENCODING="chunked") == (b"x" * 101, "101")


def test_any_other_body_is_left_alone() -> None:
    assert arrived(BytesIO(b"x" * 7000), CONTENT_LENGTH="7000") == (b"x" * 7000, "7000")
    assert arrived(BytesIO(b"")) == (b"", "")
