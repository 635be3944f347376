"""What keeps the stack from starting, named so that a person can mend it."""

from __future__ import annotations

import os
import shlex


class CannotStartError(Exception):
    """The stack can't start here: one sentence says what is wrong, one the remedy; exit status 2."""

    def __init__(self, wrong: str, remedy: str) -> None:
        super().__init__(f"{wrong} {remedy}")
        self.wrong = wrong
        self.remedy = remedy


def make(target: str) -> str:
    """Return the command for a person to type: it names the folder that STATE_DIR names, or it would reach another stack."""
    state = os.environ.get("STATE_DIR")
    return f"`make {target} STATE_DIR={shlex.quote(state)}`" if state else f"`make {target}`"
