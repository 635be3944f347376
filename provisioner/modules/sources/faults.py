"""What is wrong with a bundle. Pure."""

from __future__ import annotations

from dataclasses import dataclass

_LONGEST = 600  # characters


@dataclass(frozen=True)
class SourceFault:
    """A stable code, and a sentence with the remedy, fit for a terminal and for PostgreSQL whatever a bundle calls its things."""

    code: str
    detail: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", in_one_line(self.detail))


class SourceInvalidError(Exception):
    """A bundle that can't be read at all."""

    def __init__(self, code: str, detail: str) -> None:
        self.fault = SourceFault(code, detail)
        super().__init__(self.fault.detail)


def in_one_line(text: str) -> str:
    """Return words of a bundle as people's terminals and PostgreSQL take them: short, and without control characters."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"
