"""What can be turned at start (`--settings`) and while it runs: durations, failures, latency, limits, seed."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from provisioner.simulator.errors import Json, bad_request

OPERATIONS = ("Create", "Reconcile", "Delete")
ERROR_CODES = tuple(
    "ERR_" + word
    for word in [
        "INFRA_UNAUTHENTICATED",
        "INFRA_UNAUTHORIZED",
        "INFRA_QUOTA_EXCEEDED",
        "INFRA_RATE_LIMITS_EXCEEDED",
        "INFRA_DEPENDENCIES",
        "RETRYABLE_INFRA_DEPENDENCIES",
        "INFRA_RESOURCES_DEPLETED",
        "CLEANUP_CLUSTER_RESOURCES",
        "CONFIGURATION_PROBLEM",
        "RETRYABLE_CONFIGURATION_PROBLEM",
        "PROBLEMATIC_WEBHOOK",
    ]
)
NUMBERS = {
    "build_seconds": 86400.0,
    "reconcile_seconds": 86400.0,
    "delete_seconds": 86400.0,
    "hibernate_seconds": 86400.0,
    "retry_seconds": 86400.0,
    "jitter": 1.0,
    "latency_ms": 60000.0,
    "rate_limit_per_second": 1e6,
    "error_500_rate": 1.0,
    "speed": 1e6,
    "fill": 2.0,
}


@dataclass(frozen=True, slots=True)
class Failure:
    """A share of operations that end in an error code; `operation` and `name_regex` narrow it."""

    code: str
    rate: float = 1.0
    operation: str = ""
    name_regex: str = ""
    message: str = ""


@dataclass(slots=True)
class Settings:
    """The knobs; durations are divided by `speed`, a zero rate limit is none.

    `fill` is how much of a cluster's smallest size its apps ask for on an average day; 0 leaves clusters empty.
    """

    build_seconds: float = 30.0
    reconcile_seconds: float = 10.0
    delete_seconds: float = 15.0
    hibernate_seconds: float = 10.0
    retry_seconds: float = 5.0
    jitter: float = 0.3
    latency_ms: float = 0.0
    rate_limit_per_second: float = 0.0
    error_500_rate: float = 0.0
    speed: float = 1.0
    seed: int = 1
    fill: float = 0.0
    failures: list[Failure] = field(default_factory=list)

    def as_json(self) -> Json:
        """Return every knob."""
        plain: Json = {name: getattr(self, name) for name in (*NUMBERS, "seed")}
        plain["failures"] = [
            {name: getattr(each, name) for name in Failure.__slots__ if getattr(each, name) != ""}
            for each in self.failures
        ]
        return plain

    def change(self, patch: Any) -> None:
        """Turn some knobs, all or none; raises 400 that names what is wrong."""
        if not isinstance(patch, dict):
            raise bad_request("settings are an object")
        changes = {name: _read(name, value) for name, value in patch.items()}
        for name, value in changes.items():
            setattr(self, name, value)


def _read(name: str, value: Any) -> Any:
    if name == "failures":
        if not isinstance(value, list):
            raise bad_request("failures is a list")
        return [_failure(each) for each in value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise bad_request(f"{name} must be a number" if name in NUMBERS else f"unknown setting {name!r}")
    if name == "seed":
        return int(value)
    if name not in NUMBERS:
        raise bad_request(f"unknown setting {name!r}")
    least = 0.001 if name == "speed" else 0.0
    if not least <= value <= NUMBERS[name]:
        raise bad_request(f"{name} must lie between {least:g} and {NUMBERS[name]:g}")
    return float(value)


def _failure(value: Any) -> Failure:
    if not isinstance(value, dict) or not value.keys() <= set(Failure.__slots__):
        raise bad_request(f"a failure takes {', '.join(Failure.__slots__)}")
    if "code" not in value:
        raise bad_request("a failure needs a code")
    failure = Failure(**value)
    if failure.code not in ERROR_CODES:
        raise bad_request(f"unknown code {failure.code!r}; known are {', '.join(ERROR_CODES)}")
    if failure.operation not in ("", *OPERATIONS):
        raise bad_request(f"operation must be one of {', '.join(OPERATIONS)}")
    rate: Any = failure.rate
    if isinstance(rate, bool) or not isinstance(rate, int | float) or not 0 <= rate <= 1:
        raise bad_request("rate must lie between 0 and 1")
    try:
        re.compile(failure.name_regex)
    except (re.error, TypeError) as error:
        raise bad_request(f"name_regex cannot be read: {error}") from None
    return failure
