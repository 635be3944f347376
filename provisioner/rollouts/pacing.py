"""How fast upgrades may begin: a token bucket. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime


@dataclass(frozen=True)
class Bucket:
    """`tokens` at `at`, refilled at `per_minute` up to `burst`; without a rate it never runs dry."""

    per_minute: float | None
    burst: int
    tokens: float
    at: datetime

    def filled(self, now: datetime) -> Bucket:
        """Return the bucket as it stands now."""
        if self.per_minute is None:
            return self
        gained = max(0.0, (now - self.at).total_seconds()) * self.per_minute / 60
        return replace(self, tokens=min(float(self.burst), self.tokens + gained), at=max(now, self.at))

    def whole(self, most: int) -> int:
        """Return how many may begin now."""
        return most if self.per_minute is None else min(most, int(self.tokens))

    def taken(self, count: int) -> Bucket:
        """Return the bucket after so many began."""
        return self if self.per_minute is None else replace(self, tokens=self.tokens - count)

    def seconds_until_one(self) -> float:
        """Return how long until the next may begin."""
        if self.per_minute is None or self.tokens >= 1:
            return 0.0
        return (1 - self.tokens) * 60 / self.per_minute
