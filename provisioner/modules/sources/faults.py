"""What is wrong with a bundle. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 600  # characters


@dataclass(frozen=True)
class SourceFault:
    """A stable code, and a sentence with the remedy."""

    code: str
    detail: str


class SourceInvalidError(Exception):
    """A bundle that can't be read at all."""

    def __init__(self, code: str, detail: str) -> None:
        said = in_one_line(detail)
        super().__init__(said)
        self.fault = SourceFault(code, said)


def in_one_line(text: str) -> str:
    """Return words of a bundle as people's terminals and PostgreSQL take them: short, and without control characters."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"
