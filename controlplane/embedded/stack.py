"""Brings the stack up, in the order that is quickest: what needs nothing first and together."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from controlplane.embedded import postgres as pg
from controlplane.embedded import processes
from controlplane.embedded.journal import Journal
from controlplane.embedded.open_files import allow_many
from controlplane.embedded.panel import print_panel
from controlplane.embedded.places import Places, choose_places, make_state
from controlplane.embedded.ports import choose_simulator_port, choose_web_port
from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.progress import Steps
from controlplane.embedded.record import Record, end
from controlplane.embedded.supervisor import StopAsked, Supervisor
from controlplane.embedded.valkey import Valkey

_NEEDED_BYTES = 200 * 2**20  # a new database takes 70 MB
_LAST = ("simulator", "valkey", "postgres")  # the others still need them while they leave


class Stack:
    """One stack in one state folder; `given` is the environment of its starter, `began` the time."""

    def __init__(
        self, record: Record, places: Places, journal: Journal, given: Mapping[str, str], began: float
    ) -> None:
        self._began = began
        self._given = given
        self._journal = journal
        self._places = places
        self._state = places.state
        self._record = record
        self._supervisor = Supervisor(journal, on_change=self._record.write_children)
        self._steps = Steps(journal.console)
        self._supervisor.on_tick = self._steps.refresh

    def run(self, *, stop_with: str, on_ready: Callable[[Journal], None]) -> None:
        """Start everything, say so, and watch until someone asks to stop; raises CannotStartError."""
        self._clear_leftovers()
        if "DATABASE_URL" not in self._given and self._places.cluster.exists():
            pg.check_cluster(self._places.cluster)  # before anything is started that has to be stopped again
        port = choose_web_port(self._given)
        simulator_port = choose_simulator_port(self._given, self._record.read().get("simulator_port"))
        self._record.write(
            url=f"http://127.0.0.1:{port}",
            simulator_port=simulator_port,
            database=str(self._places.database),
        )
        self._supervisor.take_signals()
        allow_many()
        try:
            self._start(port, simulator_port)
            seconds = time.monotonic() - self._began
            self._record.write(state="ready", ready_seconds=round(seconds, 1))
            self._welcome(stop_with, seconds)
            on_ready(self._journal)
            self._supervisor.watch()
        except StopAsked:
            self._journal.say("stopping")
        finally:
            self._supervisor.stop_all(last=_LAST)
            self._record.write(state="stopped", children=[])
            self._journal.say("all stopped")

    def _welcome(self, stop_with: str, seconds: float) -> None:
        print_panel(
            self._journal.console,
            self._state / "demo.json",
            seconds=seconds,
            stop_with=stop_with,
            filling="demo" in self._supervisor and not processes.was_filled(self._state),
        )

    def _start(self, port: int, simulator_port: int) -> None:
        supervisor, state = self._supervisor, self._state
        for note in self._places.notes:
            self._journal.say(note)
        with self._steps as steps:
            addresses = self._start_servers(steps)
            env = processes.environment(state, port, self._given, addresses)
            supervisor.start(processes.simulator(state, simulator_port, env))
            supervisor.start(processes.web(port, env))
            if "postgres" in supervisor:
                with steps.step("PostgreSQL"):
                    supervisor.wait_ready("postgres")
            with steps.step("simulator"):
                supervisor.wait_ready("simulator")
            with steps.step("tables, catalog, demo access"):
                supervisor.start(processes.prepare(state, env))
                supervisor.wait_done("prepare")
            with steps.step("web, worker, beat, observer, collector"):
                started = (processes.worker, processes.beat, processes.observer, processes.collector)
                for make in started:
                    supervisor.start(make(env))
                supervisor.wait_ready("web", *(make.__name__ for make in started))
        if self._given.get("DEMO_DATA") != "0":
            supervisor.start(processes.demo_data(state, env))
            supervisor.start(processes.demo_usage(state, env))

    def _start_servers(self, steps: Steps) -> dict[str, str]:
        """Start PostgreSQL and Valkey, each unless the environment names another; return their addresses."""
        addresses: dict[str, str] = {}
        if not {"BROKER_URL", "CACHE_URL"} <= self._given.keys():
            valkey = Valkey(self._places.valkey, self._places.valkey_socket)
            self._supervisor.start(valkey.service())
            addresses |= {"BROKER_URL": valkey.broker_url, "CACHE_URL": valkey.cache_url}
        if "DATABASE_URL" not in self._given:
            with steps.step("database files"):
                server = self._database()
            self._supervisor.start(server.service(durable=True))
            addresses["DATABASE_URL"] = server.url
        return addresses

    def _database(self) -> pg.Postgres:
        """Return a database that is whole, making it when there is none."""
        places = self._places
        programs = pg.usable_bin(places.user, places.database.parent)
        if programs.is_relative_to(places.database.parent):
            self._journal.say(
                f"{places.user.name} can't run PostgreSQL from {pg.installed_bin()}: copied to {programs}"
            )
        server = pg.Postgres(programs, places.cluster, places.database_sockets, places.user)
        if pg.was_interrupted(server):
            self._journal.say("an earlier start was interrupted while it made the database: making it anew")
        if not places.cluster.exists():
            pg.make_cluster(server)
            pg.check_cluster(server.data)
        return server

    def _clear_leftovers(self) -> None:
        found = self._record.leftovers()
        if found:
            names = ", ".join(dict.fromkeys(name for name, _process in found))
            self._journal.say(f"the last run ended without stopping {names}: stopping them now")
            end([process for _name, process in found])
        if stray := pg.stray_server(self._places.cluster):
            self._journal.say(
                f"a PostgreSQL of a crashed run still holds the data (process {stray.pid}): stopping it"
            )
            end([stray])
        (self._places.cluster / "postmaster.pid").unlink(missing_ok=True)


def open_stack(state: Path, given: Mapping[str, str], *, quiet: bool) -> Stack:
    """Return a stack that may run in `state`, holding its lock; raises CannotStartError."""
    began = time.monotonic()
    make_state(state)
    record = Record(state)
    record.take()
    places = choose_places(state)
    if shutil.disk_usage(state).free < _NEEDED_BYTES:
        raise CannotStartError(
            f"Less than 200 MB are free in {state}.", "Make room, or set STATE_DIR elsewhere."
        )
    log = state / "stack.log"
    if log.exists():
        log.replace(state / "stack.log.1")
    log.touch(mode=0o600)
    return Stack(record, places, Journal(log, quiet=quiet), given, began)
