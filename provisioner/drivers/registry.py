"""Hands out drivers by kind; their connections are kept for as long as the landscape's settings stay the same."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import Any

from controlplane.kernel.errors import Fatal, Retry
from controlplane.kernel.plugins import load
from controlplane.sealing import KeyUnavailable, unseal
from provisioner.drivers.base import Driver, LandscapeAccess

_PACKAGE = "provisioner.drivers"
_kept: dict[tuple[str, str], tuple[object, Driver]] = {}
_lock = Lock()


def connect(*, kind: str, access: LandscapeAccess) -> Driver:
    """Return the driver for a landscape; raises Fatal for an unknown kind or unusable credentials, Retry without their key.

    Kept per process and landscape; a changed setting or credentials file makes a new one, the old is dropped.
    """
    factory = _plugin(kind, "connect")
    place = (kind, access.key)
    state = (
        os.getpid(),
        access.credentials_path,
        access.sealed,
        hashlib.sha256(access.credentials.encode()).digest(),
        _touched(access),
        json.dumps(access.config, sort_keys=True),
        access.timeout_seconds,
    )
    with _lock:
        kept = _kept.get(place)
        if kept is None or kept[0] != state:
            kept = (state, factory(_opened(access)))
            _kept[place] = kept
        return kept[1]


def cluster_name_length(kind: str, config: Mapping[str, Any]) -> int:
    """Return how many characters a cluster's name may have there; raises Fatal for an unknown kind or unusable settings."""
    length: int = _plugin(kind, "cluster_name_length")(config)
    return length


def _plugin(kind: str, attribute: str) -> Any:
    found = load(_PACKAGE, attribute)
    if kind not in found:
        known = ", ".join(sorted(found))
        raise Fatal(
            f"There is no driver for landscapes of kind “{kind}”; known are {known}.", code="driver_unknown"
        )
    return found[kind]


def _opened(access: LandscapeAccess) -> LandscapeAccess:
    """Open stored credentials, for as long as the driver that gets them is kept."""
    if not access.sealed:
        return access
    try:
        plain = unseal(access.sealed, context=access.sealed_context)
    except KeyUnavailable as error:
        raise Retry(
            f"The stored credentials of landscape {access.key} can't be opened now: {error.detail}",
            code="key_unavailable",
        ) from error
    return replace(access, credentials=plain.decode())


def _touched(access: LandscapeAccess) -> int:
    try:
        return Path(access.credentials_path).stat().st_mtime_ns
    except OSError:
        return 0
