"""Maintenance of one runtime says all that holds for it, whose it is and where that is changed: page, API and `nesoi`."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.rollouts import services
from provisioner.rollouts.models import Exclusion, MaintenanceWindow
from provisioner.rollouts.services import Owner
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, read
from tests.command_line import InProcess, Run, runner
from tests.rolling_out import fleet
from tests.signed_in import browse, text
from tests.world import Person, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("NESOI_CONFIG", str(tmp_path / "nesoi" / "config.yaml"))
    return runner(capsys, monkeypatch, InProcess())


@pytest.fixture
def runtime(world: World) -> Runtime:
    return fleet(world.shop, [world.landscape], 1)[0]


def window(person: Person, day: str, **whose: Any) -> None:
    services.add_window(
        actor=person.actor, owner=Owner(**whose), days=[day], begin="02:00", end="06:00", time_zone="UTC"
    )


def exclude(person: Person, reason: str, **whose: Any) -> None:
    begins = utcnow() + timedelta(days=1)
    services.add_exclusion(
        actor=person.actor, owner=Owner(**whose), begins_at=begins, ends_at=begins + timedelta(days=3), reason=reason
    )  # fmt: skip


def holds(person: Person, runtime: Runtime) -> dict[str, Any]:
    found: dict[str, Any] = read(Asking(person).get(f"/maintenance-windows?runtime={runtime.pk}"))["holds"]
    return found


def test_what_the_tenant_and_the_platform_set_is_told_with_its_origin(
    world: World, runtime: Runtime, run: Run
) -> None:
    window(world.alice, "mon", tenant_id=world.archipel.id)
    window(world.sam, "tue")
    exclude(world.alice, "our freeze", tenant_id=world.archipel.id)
    exclude(world.sam, "basalt asked for it", plan=runtime.plan_id)
    found = holds(world.alice, runtime)
    assert [(one["origin"], one["days"]) for one in found["windows"]] == [("tenant", ["mon"])]
    assert sorted((one["origin"], one["reason"]) for one in found["exclusions"]) == [
        ("plan", "set by the platform's team"), ("tenant", "our freeze"),
    ]  # fmt: skip
    page = text(browse(world.alice).get(f"/maintenance/?runtime={runtime.pk}"))
    told = run("maintenance", "--runtime", runtime.name, token=world.alice.token)
    tenants = "the tenant's, for all its runtimes: changed on the page Maintenance"
    plans = f"everybody's of plan {runtime.plan_id}: changed by the platform's team only"
    for words in (tenants, plans, "our freeze", "set by the platform's team"):
        assert words[1:] in page  # which begins with a capital there
        assert words in " ".join(told.out.split())
    for words in ("at any time", "No exclusions", "basalt asked"):
        assert words not in page + told.out + told.err
    assert "Monday" in page
    assert "Tuesday" not in page, "the tenant's own hold instead"
    kept = json.loads(
        run("maintenance", "--runtime", runtime.name, "-o", "json", token=world.alice.token).out
    )
    assert kept["holds"] == found


def test_the_most_specific_owners_windows_hold(world: World, runtime: Runtime) -> None:
    expected = []
    for origin, person, whose in (
        ("platform", world.sam, {}),
        ("plan", world.sam, {"plan": runtime.plan_id}),
        ("tenant", world.alice, {"tenant_id": world.archipel.id}),
        ("tenant_plan", world.alice, {"tenant_id": world.archipel.id, "plan": runtime.plan_id}),
        ("runtime", world.alice, {"runtime_id": runtime.pk}),
    ):
        window(person, "mon", **whose)
        expected.append([origin])
        assert [one["origin"] for one in holds(world.alice, runtime)["windows"]] == expected[-1]
        assert holds(world.alice, runtime)["windows"][0]["id"] == str(
            MaintenanceWindow.objects.latest("pk").pk
        )


def test_the_platforms_team_sees_why_and_others_see_nothing(world: World, runtime: Runtime) -> None:
    exclude(world.sam, "basalt asked for it")
    assert [one["reason"] for one in holds(world.sam, runtime)["exclusions"]] == ["basalt asked for it"]
    page = text(browse(world.sam).get(f"/maintenance/?runtime={runtime.pk}"))
    assert "Everybody's: changed on the page Maintenance of the fleet" in page
    assert read(Asking(world.bob).get(f"/maintenance-windows?runtime={runtime.pk}"))["holds"] is None
    assert read(Asking(world.alice).get("/maintenance-windows"))["holds"] is None


def test_without_a_window_only_exclusions_are_in_the_way(world: World, runtime: Runtime, run: Run) -> None:
    here = f"/maintenance/?runtime={runtime.pk}"
    assert "None: upgrades may begin at any time." in text(browse(world.alice).get(here))
    exclude(world.alice, "our freeze", tenant_id=world.archipel.id)
    assert "None: upgrades may begin at any time but while it is excluded." in text(
        browse(world.alice).get(here)
    )
    told = run("maintenance", "--runtime", runtime.name, token=world.alice.token)
    assert "at any time but while it is excluded" in told.out + told.err
    Exclusion.objects.update(begins_at=utcnow() - timedelta(days=2), ends_at=utcnow() - timedelta(days=1))
    assert "None: upgrades may begin at any time." in text(browse(world.alice).get(here))
