"""Trouble on purpose: outages, latency, rate limits, errors out of nowhere."""

from __future__ import annotations

import asyncio
import random

from aiohttp import web

from provisioner.simulator.errors import ApiError, bad_request, too_many
from provisioner.simulator.settings import Settings

LONGEST = 86400.0
# How soon a hanging request notices that the outage was called off.
HANG_STEP = 0.05
MODES = ("503", "hang", "close")


class Faults:
    """Stands before every request but the admin endpoint's."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.outage_until = 0.0
        self.outage_mode = "503"
        self._tokens = 0.0
        self._filled_at = 0.0
        self._dice = random.Random(settings.seed)  # noqa: S311 - repeatable trouble, no secret

    def begin_outage(self, seconds: float, mode: str) -> None:
        """Go dark for a while."""
        if mode not in MODES:
            raise bad_request(f"mode must be one of {', '.join(MODES)}")
        if not 0 <= seconds <= LONGEST:
            raise bad_request("seconds must lie between 0 and 86400")
        self.outage_until = asyncio.get_running_loop().time() + seconds
        self.outage_mode = mode

    async def before(self, request: web.Request) -> None:
        """Let the request through, late or not at all; raises 429, 500 or 503."""
        settings = self.settings
        if self.outage_until:
            await self._dark(request)
        if settings.latency_ms:
            await asyncio.sleep(settings.latency_ms / 1000 * self._dice.uniform(0.5, 1.5))
        if settings.rate_limit_per_second:
            self._take_token(settings.rate_limit_per_second)
        if settings.error_500_rate and self._dice.random() < settings.error_500_rate:
            raise ApiError(
                500,
                "InternalError",
                "Internal error occurred: etcdserver: request timed out",
                details={"causes": [{"message": "etcdserver: request timed out"}]},
            )

    async def _dark(self, request: web.Request) -> None:
        loop = asyncio.get_running_loop()
        if loop.time() >= self.outage_until:
            self.outage_until = 0.0
            return
        if self.outage_mode == "hang":
            while self.outage_until and loop.time() < self.outage_until:
                await asyncio.sleep(HANG_STEP)
            return
        if self.outage_mode == "close":
            if request.transport is not None:
                request.transport.abort()
            raise ConnectionResetError("outage")
        raise ApiError(
            503,
            "ServiceUnavailable",
            "the server is currently unable to handle the request",
            headers={"Retry-After": "1"},
        )

    def _take_token(self, rate: float) -> None:
        now = asyncio.get_running_loop().time()
        burst = max(rate, 1.0)
        self._tokens = min(burst, self._tokens + (now - self._filled_at) * rate)
        self._filled_at = now
        if self._tokens < 1:
            raise too_many(max(1, round((1 - self._tokens) / rate)))
        self._tokens -= 1
