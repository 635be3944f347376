"""What keeps the stack from starting, named so that a person can mend it."""

from __future__ import annotations


class CannotStartError(Exception):
    """The stack can't start here: one sentence says what is wrong, one the remedy; exit status 2."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(f"{wrong} {remedy}")
        self.wrong = wrong
        self.remedy = remedy
