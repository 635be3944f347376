"""What a key keeper is, what it is set up with, and how it fails. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from controlplane.kernel.errors import Fatal, Refused

RETRY_SECONDS = 30
FOR_STRANGERS = (
    "Nesoi can't reach the keys of its secrets now; try again in a minute. Its operators are told."
)


class KeyUnavailable(Refused):
    """The key that a sealed value needs can't be had now: nothing is lost, ask again later (503).

    As text it says why, for logs and for who runs a command; `detail`, which strangers may read, names no place of ours.
    """

    def __init__(self, reason: str) -> None:
        super().__init__("key_unavailable", FOR_STRANGERS, status=503, retry_after_seconds=RETRY_SECONDS)
        self.args = (reason,)


class Tampered(Fatal):
    """A sealed value was changed, cut, or put in another place than it was sealed for: it stays shut."""

    def __init__(self, message: str) -> None:
        super().__init__(message, code="sealed_value_tampered")


@dataclass(frozen=True)
class SealingSettings:
    """How values are sealed: by which keeper, and where every keeper finds its keys."""

    keeper: str = "file"  # a file name in keepers/; values of the other keepers can still be opened
    key_file: str = ""
    kms_key_id: str = ""
    kms_older_key_ids: tuple[str, ...] = ()  # still opened, never used for sealing


@dataclass(frozen=True)
class WrappedKey:
    """A data key as it stands in front of a sealed value: useless without its keeper."""

    keeper: str
    key_id: str
    wrapped: bytes = field(repr=False)


class Keeper(Protocol):
    """Holds the keys that wrap data keys (32 bytes each). Every call raises KeyUnavailable; `unwrap` also Tampered."""

    def new_data_key(self) -> tuple[WrappedKey, bytes]:
        """Return a fresh data key, wrapped under the present key, and plain."""
        ...

    def wrap(self, data_key: bytes) -> WrappedKey:
        """Wrap a data key under the present key."""
        ...

    def unwrap(self, key: WrappedKey) -> bytes:
        """Return the plain data key; older keys work as long as the keeper has them."""
        ...

    def present_key_id(self) -> str:
        """Return the id of the key that wraps now."""
        ...
