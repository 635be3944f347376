"""Who runs PostgreSQL: it refuses to run as root, so root lends it a user without rights."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.embedded.problems import CannotStartError

_CANDIDATES = ("nobody", "postgres", "daemon")


@dataclass(frozen=True)
class DatabaseUser:
    """A user of this machine; `lent` when it isn't the one who started us (then we are root)."""

    name: str
    uid: int
    gid: int
    lent: bool

    def as_keywords(self) -> dict[str, Any]:
        """Keywords for `subprocess` that start a program as this user."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.lent else {}

    def owns(self, path: Path) -> None:
        """Give `path` to this user."""
        if self.lent:
            os.chown(path, self.uid, self.gid)

    def can_run(self, program: Path, *, reading: Path) -> bool:
        """Tell by trying whether this user reaches both: modes, ACLs and mounts all have a say."""
        if not self.lent:
            return os.access(program, os.X_OK)
        test = 'test -r "$1" && "$0" --version'
        return self._succeeds(["/bin/sh", "-c", test, str(program), str(reading)])

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user can walk down to `folder`, which must exist."""
        if not self.lent:
            return os.access(folder, os.X_OK)
        return self._succeeds(["/bin/sh", "-c", 'cd "$0"', str(folder)])

    def _succeeds(self, command: list[str]) -> bool:
        done = subprocess.run(
            command, cwd="/", capture_output=True, timeout=30, check=False, **self.as_keywords()
        )
        return done.returncode == 0


def database_user(owner_of: Path | None = None) -> DatabaseUser:
    """Return ourselves; for root the owner of what is there already, else the first user without rights.

    Raises CannotStartError when root finds none, or when what is there belongs to someone else.
    """
    owner = owner_of.stat().st_uid if owner_of and owner_of.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise CannotStartError(
                f"The database in {owner_of} belongs to the user {_name(owner)}: someone else made it.",
                "Start as they did, or set STATE_DIR to a folder of your own.",
            )
        return DatabaseUser(name=_name(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), lent=False)
    if owner:
        return DatabaseUser(name=_name(owner), uid=owner, gid=pwd.getpwuid(owner).pw_gid, lent=True)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return DatabaseUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid, lent=True)
    raise CannotStartError(
        f"PostgreSQL refuses to run as root, and there is none of the users {', '.join(_CANDIDATES)}.",
        "Add one (useradd --system postgres) or start as an ordinary user.",
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
