"""What `nesoi rollouts` tells people in its tables: who can't come along and for how long, no reason where there is none."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.cli import watching
from controlplane.kernel.clock import utcnow
from provisioner.rollouts.models import Exclusion, Rollout, Target
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.command_line import InProcess, Run, runner
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db
WISH = ("--release", NEW, "--selector", "all")


@pytest.fixture
def sam(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, world: World, tmp_path: Path
) -> Any:
    monkeypatch.setenv("NESOI_CONFIG", str(tmp_path / "config.yaml"))
    run: Run = runner(capsys, monkeypatch, InProcess())
    return lambda *words: run("rollouts", *words, token=world.sam.token)


def test_a_plan_tells_who_cannot_come_along_for_now(world: World, sam: Any) -> None:
    first, *_ = fleet(world.shop, [world.landscape], 4)
    Runtime.objects.filter(pk=first.pk).update(pinned="2026.9.1")
    (told,) = [line for line in sam("plan", *WISH).out.splitlines() if "pinned" in line.lower()]
    assert "for now" in told
    assert first.name in told


def test_those_at_work_need_no_reason_and_what_stands_still_has_no_end(world: World, sam: Any) -> None:
    fleet(world.shop, [world.landscape], 3)
    assert sam("create", "October", *WISH).status == 0
    with upgrading(Upgrades()):
        sam("start", "October", "--yes")
        tick(clock=utcnow())
        tick(clock=utcnow())
    running = sam("get", "October").out
    assert "finish" in running
    assert not [line for line in running.splitlines() if line.split()[1:2] == ["active"]]
    sam("pause", "October", "--reason", "a look")
    assert "finish" not in sam("get", "October").out
    assert Rollout.objects.get().state == "paused"


def test_a_plan_says_until_when_windows_are_waited_for_and_who_is_left_behind(
    world: World, sam: Any, tmp_path: Path
) -> None:
    one, two = fleet(world.shop, [world.landscape], 2)
    opens = (utcnow() + timedelta(days=5)).replace(minute=0, second=0, microsecond=0)
    Exclusion.objects.create(
        runtime=one,
        tenant=world.archipel,
        begins_at=utcnow() - timedelta(days=1),
        ends_at=opens,
        reason="our fair",
    )
    file = tmp_path / "plan.yaml"
    file.write_text("stages: [{name: rest, share: rest, deadline_hours: 2}]\nnotice_hours: 0\n")
    told = sam("plan", *WISH, "--plan", str(file)).out
    assert f"{opens:%Y-%m-%dT%H:%M}Z" in told
    assert "1: its window opens behind the deadline" in told
    (line,) = [line for line in told.splitlines() if "Stage rest waits for windows until" in line]
    assert one.name in line
    assert two.name not in line
    assert "left behind" in line


def test_of_rollouts_of_one_name_the_open_one_is_meant_and_of_several_open_ones_none(
    world: World, sam: Any
) -> None:
    fleet(world.shop, [world.landscape], 1)
    for _ in range(2):
        assert sam("create", "October", *WISH).status == 0
    newer, older = Rollout.objects.order_by("-pk")
    Rollout.objects.filter(pk=older.pk).update(state="running", started_at=utcnow())
    told = sam("pause", "October", "--reason", "a look")
    assert told.status != 0
    assert "2 rollouts that have not ended are called “October”" in told.err
    assert f"{newer.pk} (draft), {older.pk} (running)" in told.err
    assert set(Rollout.objects.values_list("state", flat=True)) == {"draft", "running"}
    Rollout.objects.filter(pk=newer.pk).update(state="aborted", finished_at=utcnow())
    assert sam("pause", "October", "--reason", "a look").status == 0
    assert Rollout.objects.get(pk=older.pk).state == "paused"
    Rollout.objects.filter(pk=older.pk).update(state="aborted", finished_at=utcnow())
    assert str(newer.pk) in sam("get", "October").out, "of those that have ended the newest"


def test_a_plan_names_the_first_of_each_stage_apart_from_its_numbers(world: World, sam: Any) -> None:
    fleet(world.shop, [world.landscape], 4)
    lines = sam("plan", *WISH).out.splitlines()
    (numbers,) = [line for line in lines if "AT ONCE" in line]
    assert "FIRST" not in numbers
    (first,) = [line for line in lines if line.split() == ["STAGE", "FIRST"]]
    assert "archipel/r-shop-" in lines[lines.index(first) + 1]


def test_a_watch_ends_where_only_those_are_left_who_cannot_begin(
    world: World, sam: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "EVERY_SECONDS", 0.0)
    fleet(world.shop, [world.landscape], 2)
    plan = no_gates("rest", max_concurrency="100%")
    made = create_rollout(actor=world.sam.actor, name="Our October", release=NEW, selector="all", plan=plan)
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    with upgrading(Upgrades(seconds=lambda _: 0.0)) as upgrades:
        tick(clock=utcnow())
        upgrades.end_due(utcnow())
        tick(clock=utcnow())
    Rollout.objects.update(state="running", finished_at=None)
    one = Target.objects.order_by("position")[0]
    blocked = {"state": "blocked", "reason_code": "never_ready", "finished_at": None, "due_at": utcnow()}
    Target.objects.filter(pk=one.pk).update(**blocked)
    ended = sam("watch", "Our October")
    assert ended.status == 0
    assert "Only 1 target that cannot begin is left" in ended.err
    assert "nesoi rollouts targets 'Our October'" in ended.err, "as a shell reads it"
