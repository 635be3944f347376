"""The two ports of the stack: those that were asked for, or free ones."""

from __future__ import annotations

import errno
import socket
from collections.abc import Mapping

from controlplane.embedded.problems import CannotStartError

WEB_PORT = 8000
SIMULATOR_PORT = 8443
_HIGHEST = 65_535
_TRIES = 100


def choose_web_port(environment: Mapping[str, str]) -> int:
    """Return PORT (8000 by default); raises CannotStartError when it can't be had: people know it."""
    port = _asked(environment, "PORT") or WEB_PORT
    _check(port, "PORT")
    return port


def choose_simulator_port(environment: Mapping[str, str], last: int | None) -> int:
    """Return SIMULATOR_PORT, else the port of the last run (kubeconfigs hold it), else the next free one."""
    if asked := _asked(environment, "SIMULATOR_PORT"):
        _check(asked, "SIMULATOR_PORT")
        return asked
    if last and _problem(last) is None:
        return last
    return _next_free(SIMULATOR_PORT)


def _asked(environment: Mapping[str, str], name: str) -> int | None:
    text = environment.get(name, "").strip()
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 0 < int(text) <= _HIGHEST:
        raise CannotStartError(f"{name}={text} isn't a port.", f"Give a number from 1 to {_HIGHEST}.")
    return int(text)


def _check(port: int, name: str) -> None:
    problem = _problem(port)
    if problem == errno.EADDRINUSE:
        raise CannotStartError(
            f"Port {port} is taken by another program.",
            f"Choose another: make demo {name}={_next_free(port)}",
        )
    if problem is not None:
        raise CannotStartError(
            f"Port {port} can't be opened ({errno.errorcode.get(problem, problem)}).",
            f"Choose another: make demo {name}={_next_free(max(port, WEB_PORT))}",
        )


def _next_free(port: int) -> int:
    free = (one for one in range(port, min(port + _TRIES, _HIGHEST)) if _problem(one) is None)
    found = next(free, None)
    if found is None:
        raise CannotStartError(f"No port from {port} to {port + _TRIES} is free.", "End what holds them.")
    return found


def _problem(port: int) -> int | None:
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except OSError as error:
            return error.errno
    return None
