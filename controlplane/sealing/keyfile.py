"""The key file: JSON with the active key's id and every key that may still be needed, mode 0600."""

from __future__ import annotations

import base64
import binascii
import json
import os
import secrets
import stat
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from controlplane.kernel.clock import utcnow
from controlplane.sealing.base import KeyUnavailable

KEY_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """The keys by id; `active` wraps, all of them unwrap."""

    active: str
    keys: dict[str, bytes] = field(repr=False)


class KeyFile:
    """A key file; what was read is kept until the file changes."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._kept: tuple[tuple[int, int, int], Keys] | None = None

    def read(self) -> Keys:
        """Return its keys; raises KeyUnavailable when it is missing, open to others, or malformed."""
        if not self.path:
            raise KeyUnavailable("SEALING_KEY_FILE is not set: name the file that holds the sealing keys.")
        try:
            found = Path(self.path).stat()
            state = (found.st_ino, found.st_mtime_ns, found.st_size)
            if self._kept is None or self._kept[0] != state:
                self._kept = (state, _parse(self.path, found.st_mode))
            return self._kept[1]
        except OSError as error:
            raise KeyUnavailable(
                f"The sealing keys in {self.path} can't be read: {error.strerror}. `manage.py keys init` makes a new file."
            ) from error

    def create(self) -> Keys:
        """Make the file with one new key unless it exists; return what is there."""
        if not Path(self.path).exists():
            Path(self.path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            key_id = _new_id()
            self._write(Keys(key_id, {key_id: secrets.token_bytes(KEY_BYTES)}), replace_it=False)
        return self.read()

    def prepare(self) -> str:
        """Add a key that is not used yet, and return its id: bring the file to every host before it is activated."""
        keys, key_id = self.read(), _new_id()
        self._write(replace(keys, keys={**keys.keys, key_id: secrets.token_bytes(KEY_BYTES)}))
        return key_id

    def activate(self, key_id: str) -> None:
        """Wrap with this key from now on; raises KeyUnavailable when the file lacks it."""
        keys = self.read()
        if key_id not in keys.keys:
            raise KeyUnavailable(f"The key “{key_id}” is not in {self.path}.")
        self._write(replace(keys, active=key_id))

    def drop(self, key_id: str) -> None:
        """Forget a key for good: what is still wrapped by it can never be opened again."""
        keys = self.read()
        if key_id == keys.active:
            raise KeyUnavailable(f"The key “{key_id}” is the active one; activate another one first.")
        self._write(replace(keys, keys={name: key for name, key in keys.keys.items() if name != key_id}))

    def _write(self, keys: Keys, *, replace_it: bool = True) -> None:
        """Write a whole new file beside it and put that in its place, so that no reader sees half of one."""
        document = {
            "active": keys.active,
            "keys": {name: base64.b64encode(key).decode() for name, key in keys.keys.items()},
        }
        target = Path(self.path)
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")  # mode 0600
        try:
            with os.fdopen(handle, "w") as file:
                json.dump(document, file, indent=1)
                file.flush()
                os.fsync(file.fileno())
            if replace_it:
                Path(name).replace(target)
            else:
                _link_unless_there(name, target)
        finally:
            Path(name).unlink(missing_ok=True)


def _link_unless_there(name: str, target: Path) -> None:
    try:
        os.link(name, target)
    except FileExistsError:
        return  # somebody else made it at the same moment; theirs counts


def _parse(path: str, mode: int) -> Keys:
    if mode & (stat.S_IRWXG | stat.S_IRWXO) & ~stat.S_IRGRP:
        raise KeyUnavailable(f"{path} is open to others than its owner: chmod 600 it.")
    try:
        document = json.loads(Path(path).read_text())
        keys = {str(name): base64.b64decode(key, validate=True) for name, key in document["keys"].items()}
        active = str(document["active"])
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        raise KeyUnavailable(f"{path} is not a key file: put the right one there.") from None
    if active not in keys or any(len(key) != KEY_BYTES for key in keys.values()):
        raise KeyUnavailable(f"{path} is not a whole key file: put the right one there.")
    return Keys(active, keys)


def _new_id() -> str:
    return f"k-{utcnow():%Y%m%d}-{secrets.token_hex(3)}"
