"""What Gardener does when a Shoot's maintenance window begins: raise versions, and roll out what was confined to the window.

Source: gardener, docs/usage/shoot/shoot_maintenance.md and shoot_updates.md. A version is raised when the Shoot lets Gardener do
so, or, whatever it says, when the version has expired; of Kubernetes by one minor at most.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.names import GROUP, SHOOTS
from provisioner.simulator.gardener.versions import is_expired, newest, number
from provisioner.simulator.history import Entry
from provisioner.simulator.moments import stamp
from provisioner.simulator.store import read

MINUTE, DAY = 60, 24 * 60
TURNS = 50  # Shoots maintained before requests get their turn
# Of a Shoot only its window has a field of this name; to read 10,000 objects every minute would cost a second.
_BEGIN = re.compile(rb'"begin":"(\d\d)(\d\d)\d\d([+-])(\d\d)(\d\d)"')


def raise_versions(spec: Json, profile: Json) -> list[str]:
    """Raise a spec's versions in place; returns what was done, in words."""
    asked = (spec.get("maintenance") or {}).get("autoUpdate") or {}
    offers, kubernetes = profile["kubernetes"]["versions"], spec["kubernetes"]
    done = [
        *_raised("Kubernetes", kubernetes, offers, willing=bool(asked.get("kubernetesVersion")), minors=True)
    ]
    images = {each["name"]: each["versions"] for each in profile["machineImages"]}
    willing = bool(asked.get("machineImageVersion"))
    for worker in spec["provider"]["workers"]:
        if held := worker.get("kubernetes"):
            done += _raised(f"Kubernetes of {worker['name']}", held, offers, willing=False, minors=True)
        image = (worker.get("machine") or {}).get("image") or {}
        if image.get("name") in images:
            done += _raised(f"Image of {worker['name']}", image, images[image["name"]], willing=willing)
    return done


def _raised(
    what: str, held: Json, offers: list[Json], *, willing: bool, minors: bool = False
) -> Iterator[str]:
    before = str(held.get("version") or "")
    expired = all(is_expired(each) for each in offers if each["version"] == before)  # or no longer offered
    if not before or not (willing or expired):
        return
    major, minor = (*number(before), 0, 0)[:2]
    wanted = newest(offers, f"{major}.{minor}") if minors else newest(offers)
    if minors and expired and number(wanted) <= number(before):
        wanted = newest(offers, f"{major}.{minor + 1}")
    if number(wanted) > number(before):
        held["version"] = wanted
        yield f"{what}: {before} to {wanted}{', for it has expired' if expired else ''}"


class Maintenance:
    """Begins the windows of a garden's Shoots, minute by minute."""

    def __init__(self, garden: Endpoint) -> None:
        self._garden = garden

    async def run(self) -> None:
        """Begin each minute's windows for ever."""
        told = _minute(datetime.now(UTC))
        while True:
            now = datetime.now(UTC)
            await asyncio.sleep(MINUTE - now.second - now.microsecond / 1e6 + 0.01)
            present = _minute(datetime.now(UTC))
            for minute in range(told + 1, told + 1 + (present - told) % DAY):
                await self.begin(minute % DAY)
            told = present

    async def begin(self, minute: int) -> list[str]:
        """Begin the windows that open in a minute of the day (UTC); returns the names of the Shoots that changed."""
        changed = []
        due = [entry for entry in self._garden.collection(*SHOOTS).scan() if _opens_at(entry) == minute]
        for count, entry in enumerate(due, start=1):
            if self._maintain(entry):
                changed.append(entry.name)
            if count % TURNS == 0:
                await asyncio.sleep(0)
        return changed

    def _maintain(self, entry: Entry) -> bool:
        shoots = self._garden.collection(*SHOOTS)
        present = shoots.get(entry.namespace, entry.name)
        if present is None or b'"deletionTimestamp"' in present.raw:
            return False
        shoot = read(present)
        spec = shoot["spec"]
        profile = self._garden.collection(GROUP, "cloudprofiles").get("", spec["cloudProfile"]["name"])
        done = raise_versions(spec, read(profile)["spec"]) if profile is not None else []
        if not done and not spec["maintenance"].get("confineSpecUpdateRollout"):
            return False
        shoot["metadata"]["generation"] += 1
        if done:
            last = {"description": "; ".join(done), "state": "Succeeded", "triggeredTime": stamp()}
            shoot.setdefault("status", {})["lastMaintenance"] = last
        shoots.put(shoot)
        return True


def _minute(moment: datetime) -> int:
    return moment.hour * 60 + moment.minute


def _opens_at(entry: Entry) -> int | None:
    found = _BEGIN.search(entry.raw)
    if found is None:
        return None
    hour, minute, off_hours, off_minutes = (int(found[part]) for part in (1, 2, 4, 5))
    ahead = (off_hours * 60 + off_minutes) * (1 if found[3] == b"+" else -1)
    return (hour * 60 + minute - ahead) % DAY
