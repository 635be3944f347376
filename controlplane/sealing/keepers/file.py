"""Keeps keys in a local file that only the service can read; it is read anew whenever it changes."""

from __future__ import annotations

import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.sealing.base import Keeper, KeyUnavailable, SealingSettings, Tampered, WrappedKey
from controlplane.sealing.keyfile import KeyFile, Keys

NAME = "file"
NONCE_BYTES = 12


class FileKeeper:
    """Wraps data keys by AES-256-GCM with the active key of the file."""

    def __init__(self, file: KeyFile) -> None:
        self._file = file

    def new_data_key(self) -> tuple[WrappedKey, bytes]:
        """Return a fresh data key, wrapped and plain."""
        data_key = AESGCM.generate_key(256)
        return self.wrap(data_key), data_key

    def wrap(self, data_key: bytes) -> WrappedKey:
        """Wrap under the active key."""
        keys = self._file.read()
        nonce = os.urandom(NONCE_BYTES)
        wrapped = AESGCM(keys.keys[keys.active]).encrypt(nonce, data_key, keys.active.encode())
        return WrappedKey(NAME, keys.active, nonce + wrapped)

    def unwrap(self, key: WrappedKey) -> bytes:
        """Return the data key; raises KeyUnavailable for a key that the file lacks."""
        keys: Keys = self._file.read()
        if key.key_id not in keys.keys:
            raise KeyUnavailable(
                f"The key “{key.key_id}” is not in {self._file.path}: put the file back that still holds it."
            )
        try:
            return AESGCM(keys.keys[key.key_id]).decrypt(
                key.wrapped[:NONCE_BYTES], key.wrapped[NONCE_BYTES:], key.key_id.encode()
            )
        except (InvalidTag, ValueError):
            raise Tampered("The data key of a sealed value was changed.") from None

    def present_key_id(self) -> str:
        """Return the active key's id."""
        return self._file.read().active


def open_keeper(settings: SealingSettings) -> Keeper:
    """Return the keeper of SEALING_KEY_FILE."""
    return FileKeeper(KeyFile(settings.key_file))
