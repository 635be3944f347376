"""Who runs PostgreSQL: it refuses to run as root, so root lends it a user without rights."""

from __future__ import annotations

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from controlplane.embedded.problems import CannotStart

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
        """Tell whether this user reaches `program` and `reading`, by trying: modes, ACLs and mounts all have a say."""
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


def database_user() -> DatabaseUser:
    """Return ourselves, or for root the first user without rights that this machine has.

    Raises CannotStart when root finds none.
    """
    if os.geteuid() != 0:
        return DatabaseUser(name=str(os.geteuid()), uid=os.geteuid(), gid=os.getegid(), lent=False)
    for name in _CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return DatabaseUser(name=name, uid=entry.pw_uid, gid=entry.pw_gid, lent=True)
    raise CannotStart(
        f"PostgreSQL refuses to run as root, and this machine has none of the users {', '.join(_CANDIDATES)}.",
        "Add one (useradd --system postgres) or start as an ordinary user.",
    )
