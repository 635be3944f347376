"""Why a runtime could not be read."""

from __future__ import annotations


class ReadError(Exception):
    """No whole sight came of it; `reason` is one of a few words for metrics, `after` the seconds to wait when it is known."""

    def __init__(self, reason: str, detail: str, *, after: float = 0.0) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.after = after
