"""Watches the stack's processes from one thread: reads what they say, restarts what dies, stops all."""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections.abc import Callable
from types import FrameType

from controlplane.embedded.journal import Journal
from controlplane.embedded.problems import CannotStartError, make
from controlplane.embedded.service import Running, Service

_PAUSES_SECONDS = (0.5, 1, 2, 4, 8, 15, 30)
_LONG_LIFE_SECONDS = 60.0
_TICK_SECONDS = 0.05
_TRIES_OF_A_TASK = 5  # of one that is expected to end, and to end well
_ONE_PRESS_SECONDS = 1.0  # a terminal and make may both pass on the same Ctrl-C
_READ_BYTES = 65_536


class StopAsked(Exception):  # noqa: N818 - an outcome, not an error
    """Someone pressed Ctrl-C or sent SIGTERM."""


class Supervisor:
    """Holds the running services. `on_change` is told whenever a process began or ended."""

    def __init__(self, journal: Journal, *, on_change: Callable[[list[Running]], None] | None = None) -> None:
        self._journal = journal
        self._on_change = on_change or (lambda _running: None)
        self._selector = selectors.DefaultSelector()
        self._running: dict[str, Running] = {}
        self._deaths: dict[str, int] = {}
        self._due: dict[str, tuple[float, Service]] = {}
        self._ended_once: dict[str, int] = {}
        self._stop_signals = 0
        self._signalled_at = -_ONE_PRESS_SECONDS
        self.settled = False
        self.on_tick: Callable[[], None] = _nothing

    def __contains__(self, name: str) -> bool:
        return name in self._running

    def take_signals(self) -> None:
        """From now on Ctrl-C, SIGTERM and a closed terminal end the stack in order."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._note_signal)

    def start(self, service: Service) -> None:
        """Start a service; wait for it with `wait_ready`."""
        self._ended_once.pop(service.name, None)
        try:
            running = Running(service)
        except OSError as error:
            raise CannotStartError(
                f"{service.name} could not be started: {error}.",
                f"Run {make('clean')} and {make('demo')} again.",
            ) from error
        self._running[service.name] = running
        self._selector.register(running.output, selectors.EVENT_READ, running)
        self._changed()

    def wait_ready(self, *names: str, timeout_seconds: float = 120) -> None:
        """Wait until the named services are ready; raises CannotStartError when one fails or is late."""
        deadline = time.monotonic() + timeout_seconds
        waiting = list(names)
        while waiting:
            self.tick()
            waiting = [name for name in waiting if not self._is_ready(name)]
            if waiting and time.monotonic() > deadline:
                raise self._failed(waiting[0], f"was not ready after {timeout_seconds:.0f} s")

    def wait_done(self, name: str, *, timeout_seconds: float = 300) -> None:
        """Wait until a service of the kind `once` ended well; raises CannotStartError when it didn't."""
        deadline = time.monotonic() + timeout_seconds
        while name not in self._ended_once:
            self.tick()
            if time.monotonic() > deadline:
                raise self._failed(name, f"was not done after {timeout_seconds:.0f} s")
        if self._ended_once[name]:
            raise self._failed(name, f"ended with status {self._ended_once[name]}")

    def watch(self) -> None:
        """Watch until someone asks to stop."""
        self.settled = True
        while True:
            self.tick()

    def tick(self) -> None:
        """Do once what there is to do; raises StopAsked when someone wants the end."""
        self._look()
        if self._stop_signals:
            raise StopAsked
        now = time.monotonic()
        for name, (due, service) in list(self._due.items()):
            if due <= now:
                del self._due[name]
                self.start(service)

    def stop_all(self, *, last: tuple[str, ...] = ()) -> None:
        """Stop everything, those named in `last` after the others; a second signal kills the rest at once."""
        self._due.clear()
        self._stop_signals = 0
        first = [name for name in self._running if name not in last]
        for wave in (first, *([name] for name in last)):
            leaving = [self._running[name] for name in wave if name in self._running]
            for running in leaving:
                running.ask_to_stop()
            while any(running.service.name in self._running for running in leaving):
                for running in leaving:
                    if self._stop_signals:
                        running.kill_group()
                    elif running.kill_if_late():
                        self._journal.say(f"{running.service.name} did not stop in time and was killed")
                self._look(stopping=True)

    def _look(self, *, stopping: bool = False) -> None:
        self.on_tick()
        for key, _events in self._selector.select(_TICK_SECONDS):
            self._read(key.data)
        for running in [one for one in self._running.values() if one.has_ended()]:
            self._bury(running, stopping=stopping)

    def _read(self, running: Running) -> bool:
        try:
            output = os.read(running.output.fileno(), _READ_BYTES)
        except BlockingIOError:
            return False
        if output:
            self._journal.hear(running.service.name, output)
        else:
            self._selector.unregister(running.output)
        return bool(output)

    def _bury(self, running: Running, *, stopping: bool) -> None:
        service = running.service
        running.kill_group()
        while running.output in self._selector.get_map() and self._read(running):
            pass
        if running.output in self._selector.get_map():
            self._selector.unregister(running.output)
        running.output.close()
        self._journal.finish(service.name)
        del self._running[service.name]
        self._changed()
        code = running.process.returncode
        if service.once and (code == 0 or not self.settled):  # who starts the stack waits for it, and tells
            self._ended_once[service.name] = code
        elif not stopping:
            self._restart_later(running)

    def _restart_later(self, running: Running) -> None:
        name = running.service.name
        once = running.service.once
        if not once and time.monotonic() - running.started_at > _LONG_LIFE_SECONDS:
            self._deaths.pop(name, None)
        deaths = self._deaths[name] = self._deaths.get(name, 0) + 1
        if not self.settled and deaths >= len(_PAUSES_SECONDS) // 2:
            raise self._failed(name, running.how_it_ended())
        if once and deaths >= _TRIES_OF_A_TASK:
            self._journal.say(f"{name} {running.how_it_ended()}, {deaths} times: the next start tries again")
            return
        pause = _PAUSES_SECONDS[min(deaths, len(_PAUSES_SECONDS)) - 1]
        self._journal.say(f"{name} {running.how_it_ended()}; starting it again in {pause:g} s")
        self._due[name] = (time.monotonic() + pause, running.service)

    def _is_ready(self, name: str) -> bool:
        return name in self._running and self._running[name].is_ready()

    def _failed(self, name: str, how: str) -> CannotStartError:
        said = self._journal.last_lines(name)
        if self._journal.quiet:
            for line in said:
                self._journal.console.print(f"{name} | {line}", markup=False)
        return CannotStartError(f"{name} {how}.", f"Its last words: {said[-1] if said else 'none'}")

    def _changed(self) -> None:
        self._on_change(list(self._running.values()))

    def _note_signal(self, _number: int, _frame: FrameType | None) -> None:
        now = time.monotonic()
        if now - self._signalled_at > _ONE_PRESS_SECONDS:
            self._stop_signals += 1
            self._signalled_at = now


def _nothing() -> None:
    return None
