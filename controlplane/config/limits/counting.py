"""Where requests are counted: in Valkey for all processes together, or in the one process there is.

Counting may fail, and must not keep anybody out then: the request is let through, the next seconds' requests are not even
counted, `nesoi_requests_not_limited_total` grows, `nesoi_rate_limits_away` is 1 and one line a minute says so.
"""

from __future__ import annotations

import hashlib
import threading
import time
from collections.abc import Sequence
from typing import Any, Protocol

import structlog
from prometheus_client import Counter, Gauge
from redis import ConnectionPool, RedisError
from redis.exceptions import NoScriptError

from controlplane.config.limits.buckets import MICRO, Limit, State, Verdict, take

log = structlog.get_logger(__name__)

TIMEOUT_SECONDS = 0.1
REST_SECONDS = 5.0
ALARM_SECONDS = 60.0
MOST_BUCKETS = 20_000
NOT_LIMITED = Counter(
    "nesoi_requests_not_limited", "Requests let through uncounted: the cache did not answer"
)
# For the alarm: of several processes behind one address a scrape meets any, and their counters are not one.
AWAY = Gauge("nesoi_rate_limits_away", "1 where a request was let through uncounted within the last minute")

# KEYS: a bucket each. ARGV: interval and window of each, in microseconds. buckets.take() says the same in Python.
TAKE = """
local clock = redis.call('TIME')
local now = clock[1] * 1000000 + clock[2]
local held = redis.call('MGET', unpack(KEYS))
local moments, longest, by = {}, nil, 0
for i = 1, #KEYS do
  moments[i] = math.max(tonumber(held[i] or 0), now)
  local wait = moments[i] + ARGV[2 * i - 1] - now - ARGV[2 * i]
  if longest == nil or wait > longest then longest = wait; by = i end
end
local answer = {0, 0}
if longest > 0 then answer = {by, longest} end
for i = 1, #KEYS do
  local interval, window = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
  if longest <= 0 then
    moments[i] = moments[i] + interval
    redis.call('SET', KEYS[i], string.format('%.0f', moments[i]), 'PX', math.ceil((moments[i] - now) / 1000))
  end
  local filled = moments[i] - now
  local remaining = math.floor(math.max(0, window - filled) / interval)
  local more = 0
  if filled > 0 then more = math.max(0, (remaining + 1) * interval + filled - window) end
  answer[#answer + 1] = remaining
  answer[#answer + 1] = more
end
return answer
"""
_SHA = hashlib.sha1(TAKE.encode()).hexdigest()  # noqa: S324 - the name that Valkey gives a script


class Store(Protocol):
    """Where buckets are."""

    def take(self, keys: Sequence[str], limits: Sequence[Limit]) -> Verdict:
        """Take one request from every bucket, or from none; raises RedisError."""
        ...


class Shared:
    """In Valkey, by one round trip."""

    def __init__(self, address: str) -> None:
        self._pool = ConnectionPool.from_url(
            address,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            health_check_interval=0,
            retry=None,
        )

    def take(self, keys: Sequence[str], limits: Sequence[Limit]) -> Verdict:
        """Run the script with the connection itself: a client's bookkeeping costs more than the whole count."""
        arguments = [number for limit in limits for number in (limit.interval, limit.window)]
        link: Any = self._pool.get_connection()  # untyped below
        try:
            link.send_command("EVALSHA", _SHA, len(keys), *keys, *arguments)
            try:
                found: list[int] = link.read_response()
            except NoScriptError:
                link.send_command("EVAL", TAKE, len(keys), *keys, *arguments)
                found = link.read_response()
        except BaseException:
            link.disconnect()
            raise
        finally:
            self._pool.release(link)
        by, wait, *rest = found
        states = [State(rest[place], rest[place + 1]) for place in range(0, len(rest), 2)]
        return Verdict(states, by - 1 if by else None, wait)


class Alone:
    """In this process, where the cache is in it too."""

    def __init__(self) -> None:
        self._moments: dict[str, int] = {}
        self._lock = threading.Lock()

    def take(self, keys: Sequence[str], limits: Sequence[Limit]) -> Verdict:
        """Take from the buckets of this process."""
        now = time.time_ns() // 1000
        with self._lock:
            if len(self._moments) > MOST_BUCKETS:
                self._moments = {key: moment for key, moment in self._moments.items() if moment > now}
            verdict, moments = take(limits, [self._moments.get(key, 0) for key in keys], now)
            self._moments.update(zip(keys, moments, strict=True))
        return verdict


class Tolerant:
    """Another store, or nothing for a few seconds after it failed: a dead one is asked once in REST_SECONDS."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rests_until = self._silent_until = 0.0

    def take(self, keys: Sequence[str], limits: Sequence[Limit]) -> Verdict | None:
        """Return the verdict, or None when nobody could count."""
        now = time.monotonic()
        if now < self._rests_until:
            _note_uncounted(now)
            return None
        failed_before = self._rests_until > 0
        if failed_before:  # let one thread try, while the others pass by
            self._rests_until = now + REST_SECONDS
        try:
            verdict = self._store.take(keys, limits)
        except (RedisError, OSError) as fault:
            now = time.monotonic()
            self._rests_until = now + REST_SECONDS
            _note_uncounted(now)
            self._tell(fault)
            return None
        if failed_before:
            self._rests_until = 0.0
        return verdict

    def _tell(self, fault: Exception) -> None:
        now = time.monotonic()
        if now >= self._silent_until:
            self._silent_until = now + ALARM_SECONDS
            log.error(
                "rate_limits_away",
                reason=type(fault).__name__,
                consequence="requests are let through uncounted",
            )


_uncounted_until = 0.0


def _note_uncounted(now: float) -> None:
    global _uncounted_until  # noqa: PLW0603 - a process has one alarm, whatever the number of its stores
    NOT_LIMITED.inc()
    _uncounted_until = now + ALARM_SECONDS


AWAY.set_function(lambda: float(time.monotonic() < _uncounted_until))


def open_store(address: str) -> Tolerant:
    """Return the store that CACHE_URL names."""
    return Tolerant(Alone() if address.startswith("locmem:") else Shared(address))


def seconds(micro: int) -> int:
    """Return whole seconds that are long enough."""
    return -(-micro // MICRO)
