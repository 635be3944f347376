"""The contract of a check."""

from __future__ import annotations

from typing import Protocol


class Check(Protocol):
    """Decides about one sign-up; `subject` is what a pass is good for, so that nobody can use it for another address."""

    def challenge(self, subject: str) -> str:
        """Return what the asker must solve."""
        ...

    def passes(self, subject: str, answer: str) -> bool:
        """Whether the answer solves a challenge that was made for this subject and is still valid."""
        ...
