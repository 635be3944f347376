"""The command line: read it, start the landscape, say so, wait for the end."""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import shutil
import signal
import socket
import sys
import tempfile
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson
import uvloop
from aiohttp import web

from controlplane.kernel.collecting import look_seldom
from provisioner.simulator.errors import ApiError
from provisioner.simulator.gardener.kubeconfig import render
from provisioner.simulator.identity import MASTERS
from provisioner.simulator.journal import CorruptStateError
from provisioner.simulator.landscape import Landscape
from provisioner.simulator.settings import Settings

FAST, SLOWEST, FASTEST = 100.0, 0.001, 1e6
ADMIN_DAYS = 3650


def speed(text: str) -> float:
    """Read `--speed`: a factor, or `fast` for a hundred."""
    value = FAST if text == "fast" else float(text)
    if not SLOWEST <= value <= FASTEST:
        raise argparse.ArgumentTypeError("speed must lie between 0.001 and 1000000, or be 'fast'")
    return value


def parser() -> argparse.ArgumentParser:
    """Return the command line."""
    found = argparse.ArgumentParser(
        "python -m provisioner.simulator", description="Start the embedded landscape."
    )
    found.add_argument("--state", type=Path, help="folder of its database and kubeconfig")
    found.add_argument("--host", default="127.0.0.1", help="address to listen on (default %(default)s)")
    found.add_argument("--port", type=int, default=0, help="port; 0 takes a free one (default)")
    found.add_argument("--project", default="nesoi", help="Gardener project (default %(default)s)")
    found.add_argument("--seed", type=int, default=1, help="of every random choice (default %(default)s)")
    found.add_argument("--speed", type=speed, default=1.0, help="divides every duration; `fast` is 100")
    found.add_argument(
        "--fill", type=float, default=0.0, help="how full clusters are of apps (default: empty)"
    )
    found.add_argument("--build-seconds", type=float, help="how long a cluster takes (default 30)")
    found.add_argument(
        "--settings",
        default="{}",
        help='any of its knobs as JSON, for example {"latency_ms": 200}: as PATCH /simulator/v1/settings takes them',
    )
    found.add_argument("--ready-file", type=Path, help="where to write the address as JSON")
    found.add_argument("--in-memory", action="store_true", help="forget everything at the end")
    return found


def main(arguments: list[str] | None = None) -> int:
    """Run until told to end; returns the exit code."""
    options = parser().parse_args(arguments)
    if options.state is None and not options.in_memory:
        return _refuse("say --state DIR for a landscape that lasts, or --in-memory for one that forgets")
    logging.basicConfig(level=logging.WARNING, format="simulator: %(levelname)s %(message)s")
    try:
        settings = settings_of(options)
    except (ApiError, orjson.JSONDecodeError) as error:
        return _refuse(f"--settings: {error}")
    folder = options.state or Path(tempfile.mkdtemp(prefix="nesoi-simulator-"))
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        landscape = Landscape(None if options.in_memory else folder, settings, options.project)
        listener = _listen(options.host, options.port)
        look_seldom()
        return uvloop.run(_serve(landscape, listener, options, folder))
    except CorruptStateError as error:
        return _refuse(str(error))
    except OSError as error:
        return _refuse(f"{error.strerror or error}; choose another --port or --state")
    finally:
        if options.state is None:
            shutil.rmtree(folder, ignore_errors=True)


def settings_of(options: argparse.Namespace) -> Settings:
    """Return the knobs as the command line turns them; raises ApiError, orjson.JSONDecodeError."""
    settings = Settings(seed=options.seed, speed=options.speed, fill=options.fill)
    if options.build_seconds is not None:
        settings.build_seconds = options.build_seconds
    settings.change(orjson.loads(options.settings))
    return settings


def _refuse(why: str) -> int:
    sys.stderr.write(f"simulator: {why}\n")
    return 2


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise OSError(error.errno, f"cannot listen on {host}:{port} ({error.strerror})") from error
    return listener


async def _serve(
    landscape: Landscape, listener: socket.socket, options: argparse.Namespace, folder: Path
) -> int:
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ended.set)
    port = listener.getsockname()[1]
    shown = "127.0.0.1" if options.host in ("0.0.0.0", "::", "localhost") else options.host  # noqa: S104
    url = f"https://[{shown}]:{port}" if ":" in shown else f"https://{shown}:{port}"
    tasks = landscape.begin(url)
    await landscape.store.settled()
    runner = web.ServerRunner(landscape.server(), shutdown_timeout=0.5)
    await runner.setup()
    context = landscape.authority.server_context(options.host, folder)
    await web.SockSite(runner, listener, ssl_context=context, backlog=1024).start()
    _announce(landscape, url, port, folder, options.ready_file)
    await ended.wait()
    landscape.drop_watches()
    await runner.cleanup()
    for task in tasks:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    await landscape.store.settled()
    if landscape.store.journal is not None:
        landscape.store.journal.close()
    if options.ready_file:
        options.ready_file.unlink(missing_ok=True)
    return 0


def _write_private(path: Path, text: str) -> None:
    temporary = path.with_suffix(f"{path.suffix}.{os.getpid()}")
    temporary.touch(mode=0o600)
    temporary.write_text(text)
    temporary.replace(path)


def _announce(landscape: Landscape, url: str, port: int, folder: Path, ready_file: Path | None) -> None:
    expires = datetime.now(UTC) + timedelta(days=ADMIN_DAYS)
    certificate, key = landscape.authority.client_certificate("garden", "nesoi:admin", (MASTERS,), expires)
    kubeconfig, authority = folder / "kubeconfig.yaml", folder / "ca.crt"
    text = render(
        name="garden",
        server=url,
        ca=landscape.authority.server_ca,
        certificate=certificate,
        key=key,
        namespace=f"garden-{landscape.project}",
    )
    _write_private(kubeconfig, text)
    _write_private(authority, landscape.authority.server_ca)
    if ready_file:
        ready = {
            "url": url,
            "port": port,
            "kubeconfig": str(kubeconfig.resolve()),
            "ca": str(authority.resolve()),
            "admin_token": landscape.authenticator.admin_token,
            "pid": os.getpid(),
        }
        ready_file.parent.mkdir(parents=True, exist_ok=True)
        _write_private(ready_file, orjson.dumps(ready, option=orjson.OPT_INDENT_2).decode())
    sys.stdout.write(f"simulator ready {url}\n")
    sys.stdout.flush()
