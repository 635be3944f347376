"""What can be asked of the stack: up, stop, status, clean."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import psutil

from controlplane.embedded.journal import Journal
from controlplane.embedded.places import elsewheres, short_folder
from controlplane.embedded.problems import CannotStartError, make
from controlplane.embedded.record import Record, end, wait_until_free
from controlplane.embedded.stack import open_stack

_BACKGROUND = "NESOI_IN_BACKGROUND"
_STOP_TIMEOUT_SECONDS = 60.0


def up(state: Path) -> int:
    """Start the stack: until Ctrl-C, or with DETACH=1 in the background, returning when it is ready."""
    given = {name: value for name, value in os.environ.items() if value}  # make passes unset ones as empty
    if given.pop("DETACH", "") not in {"", "0"}:
        return _detach(state)
    background = given.pop(_BACKGROUND, None)
    stack = open_stack(state, given, quiet=bool(background) or sys.stdout.isatty())
    stack.run(stop_with=make("stop") if background else "Ctrl-C", on_ready=_let_go if background else _speak)
    return 0


def stop(state: Path) -> int:
    """Stop a running stack, or what a crashed one left."""
    record = Record(state)
    ran = record.is_taken()
    if ran:
        with suppress(psutil.NoSuchProcess):  # it has just left by itself
            supervisor = psutil.Process(record.read()["pid"])
            supervisor.terminate()
            if not wait_until_free(record, timeout_seconds=_STOP_TIMEOUT_SECONDS):
                supervisor.kill()
                wait_until_free(record, timeout_seconds=_STOP_TIMEOUT_SECONDS)
    if left := record.leftovers():
        end([process for _name, process in left])
        record.write(state="stopped", children=[])
        _say(f"Stopped {len(left)} processes that a crashed run had left.")
    elif ran:
        _say(f"Stopped; {make('demo')} starts it again with everything that was there.")
    else:
        _say("Nothing of Nesoi runs here.")
    return 0


def status(state: Path) -> int:
    """Say whether the stack runs and where; exit status 1 when it doesn't."""
    record = Record(state)
    found = record.read()
    if not record.is_taken():
        _say(f"Nesoi is not running; {make('demo')} starts it.")
        return 1
    took = (
        f" after {found['ready_seconds']} s"
        if found.get("state") == "ready" and "ready_seconds" in found
        else ""
    )
    _say(f"Nesoi is {found.get('state')}{took}: {found.get('url')} (process {found.get('pid')})")
    for child in found.get("children", []):
        _say(f"  {child['name']:<10} process {child['pid']}")
    return 0


def clean(state: Path) -> int:
    """Remove everything that the stack ever wrote; raises CannotStartError while it runs."""
    if Record(state).is_taken():
        raise CannotStartError("It is running.", f"{make('stop')} first.")
    stop(state)
    for folder in (state, short_folder(state), *elsewheres(state)):
        if folder.exists():
            shutil.rmtree(folder)
            _say(f"removed {folder}")
    return 0


def _detach(state: Path) -> int:
    """Run ourselves in a session of our own, and pass on what it says until it is ready."""
    env = {name: value for name, value in os.environ.items() if name != "DETACH"} | {_BACKGROUND: "1"}
    child = subprocess.Popen(
        [sys.executable, "-m", "controlplane.embedded", "up"],
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        text=True,
    )
    try:
        for line in child.stdout or ():
            with suppress(BrokenPipeError):  # nobody listens any more; it has to become ready all the same
                sys.stdout.write(line)
                sys.stdout.flush()
    except KeyboardInterrupt:
        child.terminate()
    found = Record(state).read()
    if found.get("pid") == child.pid and found.get("state") == "ready":
        child.returncode = 0  # it lives on without us: nobody has to wait for it
        return 0
    return child.wait()


def _let_go(_journal: Journal) -> None:
    """Leave the terminal of whoever started us in the background; the log file has all that follows."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (1, 2):
        os.dup2(nowhere, number)


def _speak(journal: Journal) -> None:
    """Show what the processes say, now that nothing moves on the terminal any more."""
    journal.quiet = False


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
