"""Where the stack can live: folders that the database's user can enter, sockets whose path is short enough."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from controlplane.embedded.database_user import DatabaseUser
from controlplane.embedded.problems import CannotStart

# sizeof(sockaddr_un.sun_path) - 1 of <sys/un.h>: 108 bytes on Linux, 104 on macOS, with a closing zero.
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103


def socket_fits(path: Path) -> bool:
    """Tell whether the kernel takes `path` as the address of a unix socket."""
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def temporary_folder(user: DatabaseUser, *, prefix: str) -> Path:
    """Make a folder of our own that `user` can enter, with room for a socket's name.

    `mkdtemp` alone gives mode 0700, which shuts a lent user out. Raises CannotStart when no place will do.
    """
    places = dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp"))
    for place in places:
        if not os.access(place, os.W_OK) or not socket_fits(
            Path(place) / f"{prefix}12345678/sockets/.s.PGSQL.5432"
        ):
            continue
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        if user.lent:
            folder.chmod(0o755)
        if user.can_enter(folder):
            return folder
        folder.rmdir()
    raise CannotStart(
        f"None of {', '.join(places)} is writable, short and open to the user {user.name}.",
        "Set TMPDIR to a folder that is.",
    )


def own_folder(path: Path, user: DatabaseUser) -> Path:
    """Make `path` a folder that belongs to `user` alone (mode 0700)."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    user.owns(path)
    return path
