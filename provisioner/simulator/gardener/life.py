"""How Shoots live: one heap of due steps moves them all; a settled Shoot is not in it and costs nothing."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import logging
import re
from collections.abc import Callable

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener import status as write
from provisioner.simulator.gardener import tasks
from provisioner.simulator.gardener.admission import project_of
from provisioner.simulator.gardener.names import FINALIZER, SHOOTS
from provisioner.simulator.gardener.status import fraction
from provisioner.simulator.history import Event
from provisioner.simulator.settings import Failure, Settings
from provisioner.simulator.store import Collection, Place, read

MAX_RETRIES = 20
# Steps carried out before requests get their turn.
TURNS = 50
# A gardenlet tells progress every ten seconds of minutes, not whenever a task ends; here builds take seconds.
REPORT_SECONDS = 2.0
MOST_UNTOLD = 3  # tasks that end between two reports
# Operations fail at the infrastructure, not before it is asked.
FAILS_AT = 30

log = logging.getLogger(__name__)


class Life:
    """Moves Shoots through Create, Reconcile and Delete."""

    def __init__(self, garden: Endpoint, settings: Settings, base_url: Callable[[], str]) -> None:
        self.garden = garden
        self.settings = settings
        self.base_url = base_url
        self.shoots: Collection = garden.collection(*SHOOTS)
        self._heap: list[tuple[float, int, Place]] = []
        self._due: dict[Place, tuple[float, int]] = {}
        self._turn = itertools.count()
        self._retries: dict[Place, int] = {}
        self._moved = asyncio.Event()
        self.moves = 0

    def begin(self) -> None:
        """Take up what was in motion when the last run ended, and tell everyone the present address."""
        for entry in list(self.shoots.scan()):
            shoot = read(entry)
            status = shoot.get("status") or {}
            if status.get("advertisedAddresses"):
                before = status["advertisedAddresses"]
                write.advertise(shoot, self.base_url())
                if before != shoot["status"]["advertisedAddresses"]:
                    self.shoots.put(shoot)
            if self._unsettled(shoot):
                self._push((entry.namespace, entry.name), 0.05)

    def _unsettled(self, shoot: Json) -> bool:
        status = shoot.get("status") or {}
        state = (status.get("lastOperation") or {}).get("state")
        behind = status.get("observedGeneration") != shoot["metadata"]["generation"]
        return behind or state in (None, "Processing", "Pending", "Error")

    def notice(self, endpoint: Endpoint, collection: Collection, event: Event) -> None:
        """Hear of a change: a new generation starts an operation soon."""
        place = (event.entry.namespace, event.entry.name)
        if event.type == "DELETED":
            self._due.pop(place, None)
            self._retries.pop(place, None)
            return
        if place in self._due and event.type != "ADDED":
            metadata_changed = event.before is not None and b"deletionTimestamp" in event.entry.raw
            if metadata_changed and b"deletionTimestamp" not in (event.before.raw if event.before else b""):
                self._push(place, 0.0)
            return
        if event.type == "ADDED" or self._unsettled(read(event.entry)):
            self._push(place, 0.0)

    def _push(self, place: Place, seconds: float) -> None:
        due = asyncio.get_running_loop().time() + seconds
        turn = next(self._turn)
        self._due[place] = (due, turn)
        heapq.heappush(self._heap, (due, turn, place))
        self._moved.set()

    @property
    def moving(self) -> int:
        """Return how many Shoots are not settled."""
        return len(self._due)

    async def run(self) -> None:
        """Carry out due steps for ever, yielding to requests in between."""
        loop = asyncio.get_running_loop()
        while True:
            self._moved.clear()
            worked = 0
            while self._heap and self._heap[0][0] <= loop.time() and worked < TURNS:
                due, turn, place = heapq.heappop(self._heap)
                if self._due.get(place) == (due, turn):
                    del self._due[place]
                    self._try_step(place)
                    worked += 1
            if worked:
                await asyncio.sleep(0)
                continue
            rest = self._heap[0][0] - loop.time() if self._heap else None
            try:
                await asyncio.wait_for(self._moved.wait(), rest)
            except TimeoutError:
                continue

    def _try_step(self, place: Place) -> None:
        try:
            self._step(place)
        except (KeyError, TypeError, ValueError, AttributeError):
            # One Shoot that cannot be read must not stop the others.
            log.exception("the operation of %s/%s stumbled", *place)

    def _step(self, place: Place) -> None:
        entry = self.shoots.get(*place)
        if entry is None:
            return
        self.moves += 1
        shoot = read(entry)
        status = write.identify(shoot, project_of(self.garden, place[0]), self.base_url())
        last = status.get("lastOperation") or {}
        generation, deleting = shoot["metadata"]["generation"], "deletionTimestamp" in shoot["metadata"]
        restart = status.get("observedGeneration") != generation and last.get("state") != "Processing"
        if not last or restart or (deleting and last["type"] != "Delete"):
            self._start(place, shoot, last, deleting=deleting)
        elif last["state"] == "Error":
            write.operation(
                shoot, last["type"], "Processing", last["progress"], f"{last['type']} is tried again"
            )
            self._keep(place, shoot, self._pause(shoot, last["type"]))
        elif last["state"] == "Processing":
            self._advance(place, shoot, last)

    def _start(self, place: Place, shoot: Json, last: Json, *, deleting: bool) -> None:
        status = shoot["status"]
        created = bool(status.get("advertisedAddresses")) and last.get("type") != "Create"
        finished_create = last.get("type") == "Create" and last.get("state") == "Succeeded"
        kind = "Delete" if deleting else "Reconcile" if created or finished_create else "Create"
        status["observedGeneration"] = shoot["metadata"]["generation"]
        if last.get("state") == "Failed":
            self._retries.pop(place, None)
        write.operation(shoot, kind, "Processing", 0, f"{kind} of the cluster begins")
        if kind == "Create":
            write.conditions(shoot, "Progressing")
        self._keep(place, shoot, self._pause(shoot, kind))

    def _keep(self, place: Place, shoot: Json, again: float | None) -> None:
        write.label(shoot)
        if again is not None:
            self._push(place, again)
        self.shoots.put(shoot)

    def _plan(self, shoot: Json, kind: str) -> tuple[tuple[tasks.Task, ...], float]:
        wanted = (shoot["spec"].get("hibernation") or {}).get("enabled", False)
        if kind == "Create":
            return tasks.CREATE, self.settings.build_seconds
        if kind == "Delete":
            return tasks.DELETE, self.settings.delete_seconds
        if wanted != shoot["status"].get("hibernated"):
            return (tasks.HIBERNATE if wanted else tasks.WAKE), self.settings.hibernate_seconds
        return tasks.RECONCILE, self.settings.reconcile_seconds

    def _pause(self, shoot: Json, kind: str) -> float:
        plan, seconds = self._plan(shoot, kind)
        name, settings = shoot["metadata"]["name"], self.settings
        luck = fraction(settings.seed, name, kind, shoot["metadata"]["generation"])
        whole = seconds * (1 + settings.jitter * (2 * luck - 1))
        return max(whole, 0.0) / settings.speed / (len(plan) + 1)

    def _advance(self, place: Place, shoot: Json, last: Json) -> None:
        kind, progress = last["type"], last["progress"]
        plan, _ = self._plan(shoot, kind)
        single = self._pause(shoot, kind)
        left = [task for task in plan if task[0] > progress]
        told = left[: max(1, min(MOST_UNTOLD, round(REPORT_SECONDS / single) if single else MOST_UNTOLD))]
        failure = self._failure(place, shoot, kind) if progress >= FAILS_AT else None
        if failure is not None:
            self._fail(place, shoot, last, failure)
            return
        if not told:
            self._finish(place, shoot, kind)
            return
        reached, words = told[-1]
        write.operation(shoot, kind, "Processing", reached, words)
        if kind == "Create" and reached > tasks.API_READY_AT:
            write.advertise(shoot, self.base_url())
            write.conditions(shoot, "True", only=("APIServerAvailable", "ControlPlaneHealthy"))
        self._keep(place, shoot, single * len(told))

    def _failure(self, place: Place, shoot: Json, kind: str) -> Failure | None:
        attempt = self._retries.get(place, 0)
        name, generation = shoot["metadata"]["name"], shoot["metadata"]["generation"]
        for index, failure in enumerate(self.settings.failures):
            if failure.operation and failure.operation != kind:
                continue
            if failure.name_regex and not re.search(failure.name_regex, name):
                continue
            if (
                fraction(self.settings.seed, name, kind, generation, attempt, index, failure.code)
                < failure.rate
            ):
                return failure
        return None

    def _fail(self, place: Place, shoot: Json, last: Json, failure: Failure) -> None:
        attempt = self._retries.get(place, 0) + 1
        self._retries[place] = attempt
        retried = failure.code in tasks.RETRIED and attempt <= MAX_RETRIES
        write.fault(shoot, failure.code, failure.message)
        description = shoot["status"]["lastErrors"][0]["description"]
        write.operation(shoot, last["type"], "Error" if retried else "Failed", last["progress"], description)
        hurt = ("EveryNodeReady", "SystemComponentsHealthy")
        write.conditions(shoot, "False", only=hurt, why=description)
        self._keep(place, shoot, self.settings.retry_seconds / self.settings.speed if retried else None)

    def _finish(self, place: Place, shoot: Json, kind: str) -> None:
        self._retries.pop(place, None)
        status = shoot["status"]
        status.pop("lastErrors", None)
        write.operation(shoot, kind, "Succeeded", 100, f"{kind} of the cluster is done")
        if kind == "Delete":
            self._vanish(place, shoot)
            return
        write.advertise(shoot, self.base_url())
        status["hibernated"] = (shoot["spec"].get("hibernation") or {}).get("enabled", False)
        networking = shoot["spec"]["networking"]
        ranges = [name for name in ("nodes", "pods", "services") if name in networking]
        status["networking"] = {name: [networking[name]] for name in ranges}
        write.conditions(shoot, "True")
        behind = status["observedGeneration"] != shoot["metadata"]["generation"]
        self._keep(place, shoot, 0.0 if behind else None)

    def _vanish(self, place: Place, shoot: Json) -> None:
        """Take our finalizer off; the object goes when nobody else holds it."""
        metadata = shoot["metadata"]
        metadata["finalizers"] = [each for each in metadata.get("finalizers") or [] if each != FINALIZER]
        write.label(shoot)
        entry = self.shoots.put(shoot)
        if not metadata["finalizers"]:
            self.shoots.remove(entry)
