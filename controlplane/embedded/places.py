"""Where the stack can live: folders that the database's user can enter, sockets with a short enough path."""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from controlplane.embedded.database_user import DatabaseUser, database_user
from controlplane.embedded.postgres import stray_server
from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.record import end

# sizeof(sockaddr_un.sun_path) - 1 of <sys/un.h>: 108 bytes on Linux, 104 on macOS, with a closing zero.
SOCKET_PATH_LIMIT = 107 if sys.platform == "linux" else 103
_POSTGRES_SOCKET = ".s.PGSQL.5432.lock"  # the longest name that PostgreSQL makes there
_SHORT = Path("/tmp")  # noqa: S108 - our folder in it is checked for its owner
_LASTING = (Path("/var/lib"), Path("/var/tmp"))  # noqa: S108 - likewise; these outlive a reboot


@dataclass
class Places:
    """The folders of one stack, and what a person should know about their choice (`notes`)."""

    state: Path
    database: Path
    database_sockets: Path
    valkey: Path
    valkey_socket: Path
    user: DatabaseUser
    notes: list[str] = field(default_factory=list)

    @property
    def cluster(self) -> Path:
        """Return the data folder of PostgreSQL."""
        return self.database / "cluster"


def choose_places(state: Path) -> Places:
    """Make the folders of the stack under `state`, and elsewhere what can't be there.

    Hold the lock: data that its user can no longer enter is moved. Raises CannotStartError when nothing can be
    written or someone else owns the data.
    """
    make_state(state)
    elsewhere = next((one for one in elsewheres(state) if (one / "postgres" / "cluster").exists()), None)
    notes: list[str] = []
    home = elsewhere or state
    user = database_user(owner_of=home / "postgres" / "cluster")
    if not elsewhere and not user.can_enter(state):
        home = _first_possible(elsewheres(state), user)
        _move_database(state / "postgres", home / "postgres")
    if home != state:
        notes.append(f"PostgreSQL runs as {user.name}, who can't enter {state}: its data is in {home}")
    database = home / "postgres"
    database.mkdir(mode=0o755, exist_ok=True)
    short = short_folder(state)
    sockets = database / "sockets"
    if not _can_hold(own_folder(sockets, user), _POSTGRES_SOCKET):
        sockets = own_folder(_ours(short, mode=0o755) / "postgres", user)
        notes.append(f"{database} can't hold a unix socket (path too long?): sockets are in {short}")
    valkey = state / "valkey"
    valkey.mkdir(mode=0o700, exist_ok=True)
    valkey_folder = valkey if _can_hold(valkey, "valkey.sock") else _ours(short, mode=0o755)
    return Places(state, database, sockets, valkey, valkey_folder / "valkey.sock", user, notes)


def elsewheres(state: Path) -> list[Path]:
    """Return where root puts the database when its user can't enter `state`, the best first."""
    return [place / f"nesoi-{_mark(state)}" for place in _LASTING] if os.geteuid() == 0 else []


def short_folder(state: Path) -> Path:
    """Return where sockets go when the path of `state` is too long for them."""
    return _SHORT / f"nesoi-{_mark(state)}"


def temporary_folder(user: DatabaseUser, *, prefix: str) -> Path:
    """Make a folder of our own that `user` can enter, with room for a socket's name.

    `mkdtemp` alone gives mode 0700, which shuts a lent user out. Raises CannotStartError when no place does.
    """
    places = dict.fromkeys((Path(tempfile.gettempdir()), _SHORT, *_LASTING))
    for place in places:
        if not os.access(place, os.W_OK) or not _fits(place / f"{prefix}12345678/sockets" / _POSTGRES_SOCKET):
            continue
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        if user.lent:
            folder.chmod(0o755)
        if user.can_enter(folder):
            return folder
        folder.rmdir()
    raise CannotStartError(
        f"None of {', '.join(map(str, places))} is writable, short and open to the user {user.name}.",
        "Set TMPDIR to a folder that is.",
    )


def own_folder(path: Path, user: DatabaseUser) -> Path:
    """Make `path` a folder that belongs to `user` alone (mode 0700)."""
    path.mkdir(mode=0o700, exist_ok=True)
    path.chmod(0o700)
    user.owns(path)
    return path


def make_state(state: Path) -> None:
    """Make the state folder; raises CannotStartError when it can't be written."""
    remedy = "Make it writable, or set STATE_DIR to a folder of your own: STATE_DIR=$HOME/.nesoi make demo"
    try:
        state.mkdir(mode=0o755 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=state):
            pass
    except OSError as error:
        raise CannotStartError(f"Can't write in {state}: {error.strerror}.", remedy) from error


def _move_database(old: Path, new: Path) -> None:
    """Take along a database that was made while its folder was still open to all."""
    if (old / "cluster").exists() and not new.exists():
        if stray := stray_server(old / "cluster"):
            end([stray])
        shutil.move(old, new)


def _first_possible(places: list[Path], user: DatabaseUser) -> Path:
    for place in places:
        if os.access(place.parent, os.W_OK) and user.can_enter(place.parent):
            return _ours(place, mode=0o755)
    raise CannotStartError(
        f"PostgreSQL runs as {user.name}, who can't enter this folder nor any of {places}.",
        "Set STATE_DIR to a folder that everybody may enter.",
    )


def _ours(path: Path, *, mode: int) -> Path:
    """Make a folder in a place open to all; one that somebody laid there before us is refused."""
    path.mkdir(mode=mode, exist_ok=True)
    if path.is_symlink() or path.stat().st_uid != os.geteuid():
        raise CannotStartError(
            f"{path} exists and isn't ours.", "Look who made it, remove it and start again, or set STATE_DIR."
        )
    path.chmod(mode)
    return path


def _can_hold(folder: Path, name: str) -> bool:
    """Tell whether a unix socket can be made there: its path may be too long, or the disk can't hold one."""
    probe = folder / f"{name[:-1]}~"
    if not _fits(probe):
        return False
    try:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(probe))
    except OSError:
        return False
    finally:
        probe.unlink(missing_ok=True)
    return True


def _fits(path: Path) -> bool:
    return len(os.fsencode(path)) <= SOCKET_PATH_LIMIT


def _mark(state: Path) -> str:
    return hashlib.sha256(os.fsencode(state.resolve())).hexdigest()[:8]
