"""What keeps the stack from starting, named so that a person can mend it."""

from __future__ import annotations


class CannotStart(Exception):
    """The stack can't start here. Says what is wrong in one sentence and the remedy in another; exit status 2."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(f"{wrong} {remedy}")
        self.wrong = wrong
        self.remedy = remedy
