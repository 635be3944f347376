"""The product's own processes, as commands and environment variables; the stack knows no more of them."""

from __future__ import annotations

import json
import os
import secrets
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import replace
from http import HTTPStatus
from pathlib import Path

from controlplane.embedded.service import Service, at_once
from controlplane.sealing.keyfile import KeyFile

CHECKOUT = Path(__file__).resolve().parent.parent.parent
FILL = 0.5  # how much of a simulated cluster its apps ask for: the rest is for one's own
BUILD_SECONDS = 25  # how long a simulated cluster takes: long enough to watch, short enough to wait for
_WORKER_PROCESSES = 4
_WEB_THREADS = 16
_AS_WEB = {"DATABASE_ROLE": "nesoi_web"}  # one tenant's rows at a time
_AS_WORKER = {"DATABASE_ROLE": "nesoi_worker"}  # every tenant's rows
# macOS ends a forked process that touches Objective-C before it runs another program; a look at the system's proxies does. The
# worker and the web server fork, as they do in production.
_OF_MACOS = {"OBJC_DISABLE_INITIALIZE_FORK_SAFETY": "YES"}
_ASK_SECONDS = 0.25
_ANSWER_SECONDS = 2
_FORGOTTEN = (
    "PG",
    "DJANGO_",
    "GUNICORN_",
    "CELERY_",
)  # of whoever started us; they would turn our tools elsewhere


def environment(
    state: Path, port: int, given: Mapping[str, str], addresses: Mapping[str, str]
) -> dict[str, str]:
    """Return the environment of the product's processes; what the user set themselves (`given`) wins."""
    static = state / "static"  # empty here: the embedded default serves files from where they lie
    static.mkdir(exist_ok=True)
    ours = {
        "EMBEDDED": "true",
        "SECRET_KEY": _secret_key(state / "secret_key"),
        "SEALING_KEY_FILE": _sealing_keys(state / "keys" / "sealing.json", given),
        "PUBLIC_URL": f"http://127.0.0.1:{port}",
        "STATIC_ROOT": str(static),
        "LOG_FORMAT": "console",
        "PYTHONUNBUFFERED": "1",
        **(_OF_MACOS if sys.platform == "darwin" else {}),
        **({} if given.get("DEMO_DATA") == "0" else _of_demo(state)),
        **addresses,
    }
    return ours | {name: value for name, value in given.items() if not name.startswith(_FORGOTTEN)}


def _of_demo(state: Path) -> dict[str, str]:
    """Months are sealed once the demo's past is told; FOCUS files have a place, so that FinOps can have some."""
    return {"STATEMENT_SEALS_AFTER": str(_past_is_told(state)), "FOCUS_EXPORT_TO": str(state / "exports")}


def _sealing_keys(path: Path, given: Mapping[str, str]) -> str:
    """Make the keys of stored secrets, once; with another keeper or file the operator brings them."""
    if not {"SEALING_KEEPER", "SEALING_KEY_FILE"} & given.keys():
        KeyFile(str(path)).create()
    return str(path)


def simulator(state: Path, port: int, env: Mapping[str, str]) -> Service:
    """The embedded landscape: it notes its address in `ready.json`."""
    folder = state / "simulator"
    folder.mkdir(mode=0o700, exist_ok=True)
    ready = _ready_file(state)
    options = ["--state", str(folder), "--port", str(port), "--ready-file", str(ready)]
    return _service(
        "simulator",
        [
            "provisioner.simulator",
            *options,
            "--build-seconds",
            env.get("BUILD_SECONDS") or str(BUILD_SECONDS),
            "--fill",
            env.get("SIMULATOR_FILL") or str(FILL),
            "--settings",
            env.get("SIMULATOR_SETTINGS") or "{}",
        ],
        env,
        is_ready=lambda pid: _noted_pid(ready) == pid,
    )


def kubeconfig(state: Path) -> Path:
    """Where the simulator writes an administrator's kubeconfig of its Gardener API."""
    return state / "simulator" / "kubeconfig.yaml"


def _ready_file(state: Path) -> Path:
    return state / "simulator" / "ready.json"


def prepare(state: Path, env: Mapping[str, str]) -> Service:
    """Tables, catalog and demo access, in one process: each start of Django costs a second."""
    options = ["--access", str(state / "demo.json"), "--kubeconfig", str(kubeconfig(state))]
    return _manage("prepare", ["demo_access", *options], env, once=True)


def demo_data(state: Path, env: Mapping[str, str]) -> Service:
    """Request the demo's runtimes over the REST API, as its tenants would."""
    options = ["--access", str(state / "demo.json"), "--simulator", str(_ready_file(state))]
    return _manage("demo", ["demo_data", *options], env, once=True)


def demo_usage(state: Path, env: Mapping[str, str]) -> Service:
    """Give the demo's runtimes a past; it waits for them by itself."""
    options = ["--access", str(state / "demo.json"), "--simulator", str(_ready_file(state))]
    return _manage("usage", ["demo_usage", *options], env, once=True)


def _past_is_told(state: Path) -> Path:
    """The file that says so: before it is there the beat would seal months whose days are still being brought in."""
    return state / "demo_usage.done"


def was_filled(state: Path) -> bool:
    """Tell whether the demo's runtimes were all requested at an earlier start."""
    return (state / "demo_data.done").exists()


def web(port: int, env: Mapping[str, str]) -> Service:
    """The web server: ready when the database is migrated. It is imported once, before it forks."""
    options = ["--bind", f"127.0.0.1:{port}", "--workers", "2", "--worker-class", "gthread"]
    options += ["--threads", str(_WEB_THREADS), "--graceful-timeout", "3", "--preload", "--no-control-socket"]
    options += ["--forwarded-allow-ips", ""]  # whom to believe is TRUSTED_PROXIES' to say
    options += ["--keep-alive", "65"]  # seconds; a proxy's are 60: who closes first must not be us
    ready = _Asking(f"http://127.0.0.1:{port}/readyz")
    command = ["gunicorn", "controlplane.config.wsgi", *options]
    return _service("web", command, {**env, **_AS_WEB}, is_ready=ready)


def worker(env: Mapping[str, str]) -> Service:
    """The Celery worker; gossip and mingling are for fleets of workers and cost seconds at start."""
    options = ["--loglevel", env.get("LOG_LEVEL", "INFO"), "--concurrency", str(_WORKER_PROCESSES)]
    options += ["--without-gossip", "--without-mingle"]
    return _celery("worker", options, env)


def beat(env: Mapping[str, str]) -> Service:
    """The clock of Celery's periodic tasks; it keeps no file."""
    return _celery("beat", ["--loglevel", env.get("LOG_LEVEL", "INFO"), "--pidfile="], env)


def observer(env: Mapping[str, str]) -> Service:
    """The observer of all landscapes."""
    return _manage("observer", ["observe"], {**env, **_AS_WORKER})


def collector(env: Mapping[str, str]) -> Service:
    """The collector, which reads every runtime's own API."""
    service = _manage("collector", ["collector"], {**env, **_AS_WORKER})
    # It has five minutes for what people wait seconds for: on a machine that has to do everything, the others go first.
    return replace(service, command=("nice", "-n", "10", *service.command))


def _celery(name: str, options: list[str], env: Mapping[str, str]) -> Service:
    command = ["celery", "-A", "controlplane.config.celery", name, *options]
    return _service(name, command, {**env, **_AS_WORKER})


def _manage(name: str, arguments: list[str], env: Mapping[str, str], *, once: bool = False) -> Service:
    command = (sys.executable, str(CHECKOUT / "manage.py"), *arguments)
    return Service(name=name, command=command, environment=env, folder=CHECKOUT, once=once)


def _service(
    name: str, module: list[str], env: Mapping[str, str], is_ready: Callable[[int], bool] = at_once
) -> Service:
    command = (sys.executable, "-m", *module)
    return Service(name=name, command=command, environment=env, folder=CHECKOUT, is_ready=is_ready)


def _noted_pid(file: Path) -> int | None:
    try:
        found = json.loads(file.read_text())
    except (OSError, ValueError):
        return None
    return found.get("pid") if isinstance(found, dict) else None


class _Asking:
    """Asks an address whether it is ready, no more often than every quarter of a second."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._asked_at = 0.0

    def __call__(self, _pid: int) -> bool:
        if time.monotonic() - self._asked_at < _ASK_SECONDS:
            return False
        self._asked_at = time.monotonic()
        try:
            with urllib.request.urlopen(self._url, timeout=_ANSWER_SECONDS) as answer:  # noqa: S310 - our own
                return bool(answer.status == HTTPStatus.OK)
        except OSError:  # URLError and HTTPError are OSErrors too
            return False


def _secret_key(file: Path) -> str:
    if not file.exists():
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as key:
            key.write(secrets.token_urlsafe(48))
    return file.read_text()
