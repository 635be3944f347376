"""The sealer of this process: set up once at start, opened at first use."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache

import structlog

from controlplane.kernel.plugins import load
from controlplane.sealing.base import Keeper, KeyUnavailable, SealingSettings
from controlplane.sealing.sealer import Sealer

log = structlog.get_logger(__name__)

_settings: list[SealingSettings] = []


def configure(settings: SealingSettings) -> None:
    """Say how values are sealed in this process; what was opened under other settings is forgotten."""
    _settings[:] = [settings]
    current.cache_clear()


@cache
def current() -> Sealer:
    """Return the sealer of this process; raises KeyUnavailable when nobody configured it or the keeper is unknown."""
    if not _settings:
        raise KeyUnavailable("Sealing is not set up in this process: call configure() first.")
    settings = _settings[0]
    keepers = _Keepers(settings)
    if settings.keeper not in keepers:
        raise KeyUnavailable(
            f"SEALING_KEEPER is “{settings.keeper}”, which is no key keeper; known are {', '.join(keepers)}."
        )
    return Sealer(settings.keeper, keepers)


def seal(plain: bytes, *, context: str) -> bytes:
    """Return `plain` sealed for `context` (tenant|table|row|column); raises KeyUnavailable."""
    with _told():
        return current().seal(plain, context=context)


def unseal(sealed: bytes, *, context: str) -> bytes:
    """Return the plain value; raises KeyUnavailable, and Tampered for a changed value or another context."""
    with _told():
        return current().unseal(sealed, context=context)


@contextmanager
def _told() -> Iterator[None]:
    """Tell the operators why: whoever asked hears only that it can't be done now."""
    try:
        yield
    except KeyUnavailable as reason:
        log.error("sealing_key_unavailable", reason=str(reason))  # noqa: TRY400 - the reason says it all
        raise


class _Keepers(Mapping[str, Keeper]):
    """Opens each keeper when it is first needed: the one for AWS costs an import of boto3."""

    def __init__(self, settings: SealingSettings) -> None:
        self._factories = load("controlplane.sealing.keepers", "open_keeper")
        self._settings = settings
        self._open: dict[str, Keeper] = {}

    def __getitem__(self, name: str) -> Keeper:
        if name not in self._open:
            self._open[name] = self._factories[name](self._settings)
        return self._open[name]

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._factories))

    def __len__(self) -> int:
        return len(self._factories)
