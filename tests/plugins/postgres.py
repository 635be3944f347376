"""One private PostgreSQL for a test run, started before Django reads its settings.

A conftest comes too late for that: pytest-django imports the settings first. With xdist the controller starts
the server, its workers inherit DATABASE_URL, and pytest-django gives each a database of its own. Set
TEST_DATABASE_URL to use another server.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from controlplane.embedded import postgres as embedded
from controlplane.embedded.database_user import DatabaseUser, database_user
from controlplane.embedded.places import own_folder, temporary_folder
from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.service import launch
from controlplane.sealing.keyfile import KeyFile

_TIMEOUT_SECONDS = 60.0
SUPERUSER = "TEST_DATABASE_SUPERUSER"  # what the controller tells its workers: the role of initdb, in our own server only
_SETTINGS = {
    "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
    "SECRET_KEY": "only-for-tests-and-long-enough-to-be-taken-as-a-key-0123456789",
    "DEBUG": "false",
    "EMBEDDED": "true",  # pages find their static files without a build of them, cookies travel over plain HTTP
    "CACHE_URL": "locmem:",
    "ALLOWED_HOSTS": "testserver,localhost,127.0.0.1",
}


@pytest.hookimpl(tryfirst=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> None:
    """Start the server, unless this process inherits one."""
    for name, value in _SETTINGS.items():
        os.environ.setdefault(name, value)
    _make_sealing_keys(early_config)
    if os.environ.get("PYTEST_XDIST_WORKER"):
        return
    if given := os.environ.get("TEST_DATABASE_URL"):
        os.environ["DATABASE_URL"] = given
        return
    try:
        os.environ["DATABASE_URL"], os.environ[SUPERUSER] = _start(early_config), "postgres"
    except CannotStartError as problem:
        raise pytest.UsageError(str(problem)) from problem


def _make_sealing_keys(config: pytest.Config) -> None:
    if "SEALING_KEY_FILE" not in os.environ:
        folder = Path(tempfile.mkdtemp(prefix="nesoi-keys-"))
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
        os.environ["SEALING_KEY_FILE"] = str(folder / "sealing.json")
        KeyFile(os.environ["SEALING_KEY_FILE"]).create()


def _start(config: pytest.Config) -> str:
    user = database_user()
    base = temporary_folder(user, prefix="nesoi-tests-")
    config.add_cleanup(lambda: shutil.rmtree(base, ignore_errors=True))
    server = new_postgres(base, user)
    log = base / "postgres.log"
    service = server.service(durable=False)
    with log.open("wb") as output:
        process = launch(service, output=output.fileno())
    config.add_cleanup(lambda: _stop(process))
    deadline = time.monotonic() + _TIMEOUT_SECONDS
    while not service.is_ready(process.pid):
        if process.poll() is not None or time.monotonic() > deadline:
            raise CannotStartError(
                "PostgreSQL did not start for the tests.", f"Its last words: {_last_line(log)}"
            )
        time.sleep(0.02)
    return server.url


def new_postgres(base: Path, user: DatabaseUser) -> embedded.Postgres:
    """Make an empty database below `base`, and start nothing yet."""
    server = embedded.Postgres(
        bin=embedded.usable_bin(user, base),
        data=own_folder(base / "database", user) / "cluster",
        sockets=own_folder(base / "sockets", user),
        user=user,
    )
    embedded.make_cluster(server)
    return server


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)
    try:
        process.wait(_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").splitlines()
    return lines[-1] if lines else "none"
