"""What is wrong with a bundle. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFault:
    """A stable code, and a sentence with the remedy."""

    code: str
    detail: str


class SourceInvalidError(Exception):
    """A bundle that can't be read at all."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.fault = SourceFault(code, detail)
