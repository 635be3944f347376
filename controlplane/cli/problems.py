"""What can go wrong, each with the status that the command ends with."""

from __future__ import annotations

from enum import IntEnum


class Status(IntEnum):
    """How the command ended; a script may rely on these."""

    DONE = 0
    FAILED = 1  # what was asked for was done and did not succeed: a failed operation, an aborted rollout
    BAD_INPUT = 2
    NOT_ALLOWED = 3  # not signed in, or not permitted
    NOT_FOUND = 4
    IN_THE_WAY = 5  # a conflict: the state of things forbids it now
    UNREACHABLE = 6  # no answer, or one that only the platform's team can mend
    INTERRUPTED = 130


class CliProblem(Exception):  # noqa: N818 - a sentence for a person, seldom an error of ours
    """Ends the command with one line on standard error and its status."""

    def __init__(self, detail: str, status: Status = Status.BAD_INPUT) -> None:
        super().__init__(detail)
        self.status = status


def status_of(code: int) -> Status:
    """Return how the command ends behind an HTTP status."""
    known = {401: Status.NOT_ALLOWED, 403: Status.NOT_ALLOWED, 404: Status.NOT_FOUND, 409: Status.IN_THE_WAY}
    if code in known:
        return known[code]
    return Status.UNREACHABLE if code >= 500 or code == 429 else Status.BAD_INPUT  # noqa: PLR2004
