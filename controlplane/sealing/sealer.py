"""Seals, opens and re-wraps values; keeps a few data keys in memory for a few minutes."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from threading import Lock

from controlplane.sealing.base import Keeper, KeyUnavailable, Tampered, WrappedKey
from controlplane.sealing.envelope import Envelope, decrypt, encrypt

KEPT_SECONDS = 300.0
KEPT_KEYS = 1000
SEALS_PER_KEY = 10_000  # far below what random nonces allow (2^32)


@dataclass
class _Sealing:
    key: WrappedKey
    plain: bytes = field(repr=False)
    until: float
    left: int


class Sealer:
    """One keeper to seal with, others to open with; threads may share it. `clock` counts seconds."""

    def __init__(
        self, present: str, keepers: Mapping[str, Keeper], *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._present = present
        self._keepers = keepers
        self._clock = clock
        self._lock = Lock()
        self._opened: OrderedDict[WrappedKey, tuple[float, bytes]] = OrderedDict()
        self._sealing: _Sealing | None = None

    def seal(self, plain: bytes, *, context: str) -> bytes:
        """Return `plain` sealed for `context`; raises KeyUnavailable."""
        key, data_key = self._key_to_seal_with()
        return Envelope(key, encrypt(data_key, plain, context)).write()

    def unseal(self, sealed: bytes, *, context: str) -> bytes:
        """Return the plain value; raises KeyUnavailable, Tampered."""
        envelope = Envelope.read(bytes(sealed))
        return decrypt(self._unwrapped(envelope.key), envelope.payload, context)

    def is_current(self, sealed: bytes) -> bool:
        """Whether the value's data key is wrapped under the key that wraps now; raises KeyUnavailable, Tampered."""
        key = Envelope.read(bytes(sealed)).key
        return key.keeper == self._present and key.key_id == self._keeper(self._present).present_key_id()

    def rewrap(self, sealed: bytes, *, context: str) -> bytes:
        """Return the same value under the key that wraps now, having made sure that it still opens."""
        envelope = Envelope.read(bytes(sealed))
        data_key = self._unwrapped(envelope.key)
        decrypt(data_key, envelope.payload, context)
        return Envelope(self._keeper(self._present).wrap(data_key), envelope.payload).write()

    def key_of(self, sealed: bytes) -> str:
        """Return keeper and key id, as `file:k-1`; raises Tampered."""
        key = Envelope.read(bytes(sealed)).key
        return f"{key.keeper}:{key.key_id}"

    def present_key(self) -> str:
        """Return keeper and id of the key that wraps now; raises KeyUnavailable."""
        return f"{self._present}:{self._keeper(self._present).present_key_id()}"

    def _key_to_seal_with(self) -> tuple[WrappedKey, bytes]:
        keeper = self._keeper(self._present)
        present = keeper.present_key_id()
        with self._lock:
            kept = self._sealing
            if kept and kept.left > 0 and self._clock() < kept.until and kept.key.key_id == present:
                kept.left -= 1
                return kept.key, kept.plain
        key, plain = keeper.new_data_key()
        with self._lock:
            self._sealing = _Sealing(key, plain, self._clock() + KEPT_SECONDS, SEALS_PER_KEY - 1)
        return key, plain

    def _unwrapped(self, key: WrappedKey) -> bytes:
        now = self._clock()
        with self._lock:
            until, data_key = self._opened.get(key, (0.0, b""))
            if now < until:
                self._opened.move_to_end(key)
                return data_key
        data_key = self._keeper(key.keeper).unwrap(key)
        with self._lock:
            self._opened[key] = (now + KEPT_SECONDS, data_key)
            self._opened.move_to_end(key)
            while len(self._opened) > KEPT_KEYS:
                self._opened.popitem(last=False)
        return data_key

    def _keeper(self, name: str) -> Keeper:
        if not name or not name.isidentifier():
            raise Tampered("The sealed value names no key keeper.")
        try:
            return self._keepers[name]
        except KeyError:
            known = ", ".join(sorted(self._keepers)) or "none"
            raise KeyUnavailable(
                f"The key keeper “{name}” is not set up in this process (set up: {known}); see SEALING_KEEPER."
            ) from None
