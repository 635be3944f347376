"""A footprint gate looks at samples of the upgraded runtimes from before and after, and opens or not."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from billing.footprint.growth import platform_growth
from billing.usage.models import Source, Span
from provisioner.rollouts import ports
from provisioner.rollouts.models import Gate, Rollout, Target
from provisioner.rollouts.ports import Upgraded
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, Upgrades, fleet, states, upgrading
from tests.usage import HOUR, SLOT, begin, morning, send, sight
from tests.work import refused
from tests.world import World

pytestmark = pytest.mark.django_db
TEN = morning()
BEGAN, ENDED = TEN + timedelta(minutes=31), TEN + timedelta(minutes=47)
LATER = TEN + timedelta(minutes=61)
GATED = {
    "max_concurrency": 2,
    "stages": [
        {"name": "canary", "share": 2, "after": [{"kind": "footprint", "growth_percent": 10}]},
        {"name": "rest"},
    ],
}


@pytest.fixture
def runtimes(world: World) -> list[Runtime]:
    """Four that have lived since before."""
    begin(TEN)
    made = fleet(world.shop, [world.landscape], 4)
    Source.objects.update(born=TEN - HOUR)
    Span.objects.update(since=TEN - HOUR)
    return made


def sampled(runtimes: Sequence[Runtime], minutes: int, **gauges: int) -> None:
    """Send a sample of each: what the platform asks for, and uses, so many minutes behind ten."""
    slot = TEN + timedelta(minutes=minutes)
    asked = {"platform_requested_millicores": 1000, "platform_requested_mib": 2000, "epoch": 1, **gauges}
    sources = Source.objects.filter(runtime__in=[one.pk for one in runtimes])
    taken = send([sight(source, slot, **asked) for source in sources])
    assert taken.accepted == len(runtimes), taken


def growth(runtimes: Sequence[Runtime], **change: Any) -> float | None:
    upgraded = [Upgraded(one.pk, BEGAN, ENDED) for one in runtimes]
    return platform_growth(upgraded, **{"now": LATER, **change})


def test_a_footprint_gate_that_nobody_is_measured_for_is_refused(world: World, settings: Any) -> None:
    settings.ROLLOUT_NOTICE_HOURS = 24.0
    fleet(world.shop, [world.landscape], 1)
    gate = {"kind": "footprint", "growth_percent": 10}

    def create(*stages: dict[str, Any]) -> None:
        plan = {"stages": list(stages)}
        create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan)

    with refused("gate_never_met") as caught:
        create({"name": "rest", "before": [gate]})
    assert caught.value.errors[0].field == "stages.0.before.0", "as it was written, beside the notice"
    create({"name": "rest", "after": [gate]})


def test_growth_is_what_samples_before_the_upgrade_and_behind_it_show(runtimes: list[Runtime]) -> None:
    assert growth([]) is None
    sampled(runtimes[:2], 25)
    sampled(runtimes[:2], 40, platform_requested_millicores=9000)  # while it went on
    assert growth(runtimes[:2]) is None
    sampled(runtimes[:2], 55, platform_requested_millicores=1100, platform_requested_mib=2000)
    assert growth(runtimes[:2]) == pytest.approx(10.0)
    assert growth(runtimes) == pytest.approx(10.0)  # half of them are enough
    sampled(runtimes[:1], 60, platform_requested_mib=2600)
    assert growth(runtimes[:2]) == pytest.approx(15.0)  # the larger of both: 600 of 4,000 MiB
    assert growth(runtimes[:2], now=LATER + 6 * SLOT) is None  # too old to say how things stand
    assert growth([*runtimes, *runtimes[2:]]) is None


def test_use_beyond_what_is_asked_for_counts(runtimes: list[Runtime]) -> None:
    sampled(runtimes, 25, platform_used_millicores=1500)
    sampled(runtimes, 55, platform_used_millicores=1800)
    assert growth(runtimes) == pytest.approx(20.0)


def gated(world: World, runtimes: list[Runtime]) -> tuple[Rollout, set[Any]]:
    """A rollout whose canaries were upgraded between half past ten and a quarter to eleven."""
    rollout = create_rollout(actor=world.sam.actor, name="g", release=NEW, selector="all", plan=GATED)
    start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
    Rollout.objects.filter(pk=rollout.pk).update(tokens_at=BEGAN, looked_at=BEGAN, joined_at=BEGAN)
    tick(clock=BEGAN)
    return rollout, set(
        Target.objects.filter(rollout=rollout, state="running").values_list("runtime_id", flat=True)
    )


@pytest.mark.parametrize(("grown", "opens"), [(1050, True), (1200, False)])
def test_the_gate_waits_for_samples_then_opens_or_says_by_how_much_it_grew(
    world: World, runtimes: list[Runtime], grown: int, opens: bool
) -> None:
    sampled(runtimes, 25)
    clock = [BEGAN]
    with upgrading(Upgrades(seconds=lambda _: 900.0, clock=lambda: clock[0])) as upgrades:
        rollout, canaries = gated(world, runtimes)
        upgrades.end_due(ENDED)
        tick(clock=ENDED)
        gate = Gate.objects.get(stage__rollout=rollout)
        assert gate.reason == "waits for measurements of the upgraded runtimes"
        sampled([one for one in runtimes if one.pk in canaries], 55, platform_requested_millicores=grown)
        tick(clock=ENDED + timedelta(minutes=4))
        gate.refresh_from_db()
        assert not gate.open  # asked again every five minutes
        clock[0] = LATER
        tick(clock=LATER)
        gate.refresh_from_db()
    assert gate.open is opens
    if opens:
        assert states(rollout) == {"succeeded": 2, "running": 2}
    else:
        assert gate.reason == "footprint +20.0 %, allowed +10 %"
        assert states(rollout) == {"succeeded": 2, "planned": 2}


def test_the_platforms_own_answer_is_there_from_the_start() -> None:
    assert ports.footprint_change is platform_growth
