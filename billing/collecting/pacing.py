"""Keeps within a budget of calls: a bucket of tokens in this process's memory."""

from __future__ import annotations

PATIENCE_SECONDS = 1.0  # whoever would have to wait longer comes again, and leaves its place to others


class Bucket:
    """`rate` tokens a second, `burst` at most; those who wait are served in their order."""

    def __init__(self, rate: float, burst: float) -> None:
        self.rate = rate
        self.burst = burst
        self._tokens = burst
        self._at: float | None = None

    def take(self, now: float) -> tuple[bool, float]:
        """Return (taken, seconds): the token is there in so many seconds; or none is taken, for it would take too long."""
        if self._at is not None:
            self._tokens = min(self.burst, self._tokens + max(now - self._at, 0.0) * self.rate)
        self._at = now
        seconds = max((1 - self._tokens) / self.rate, 0.0)
        if seconds > PATIENCE_SECONDS:
            return False, seconds
        self._tokens -= 1
        return True, seconds
