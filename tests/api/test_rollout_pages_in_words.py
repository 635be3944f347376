"""What pages about rollouts say is so: of whom a reason is, which gate is asked, what is over, which day is the last."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client

from controlplane.kernel.clock import utcnow
from provisioner.rollouts.models import Gate, Rollout, Stage, Target, Waiver
from provisioner.rollouts.services import Choice, abort_rollout, close_rollout, skip_targets
from provisioner.rollouts.ticking import tick
from tests.api.test_fleet_pages import started, with_failures
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, states, upgrading
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def sre(world: World) -> Client:
    return browse(world.sam)


def test_a_rollout_that_was_closed_is_closing_until_its_last_upgrades_end(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    with upgrading(Upgrades()):
        rollout = started(world, **no_gates("rest", max_concurrency=1))
        tick(clock=utcnow())
    here = f"/fleet/rollouts/{rollout.pk}/"
    before = sre.get(here).content.decode()
    assert (">Closing<" in before, 'id="do-close"' in before) == (False, True)
    close_rollout(actor=world.sam.actor, rollout_id=rollout.pk, reason="enough")
    page = sre.get(here).content.decode()
    assert (">Closing<" in page, 'id="do-close"' in page, 'id="do-pause"' in page) == (True, False, True)
    assert "Closing" in text(sre.get("/fleet/rollouts"))


def test_reasons_that_each_has_in_other_words_are_told_as_those_of_one(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 3)
    rollout = started(world, **no_gates("rest"))
    here = f"/fleet/rollouts/{rollout.pk}/"
    first, second, _ = Target.objects.order_by("position")
    for one, why in ((first, "its people asked"), (second, "its provider is away")):
        assert "as one of them has it" not in text(sre.get(here))
        skip_targets(
            actor=world.sam.actor, rollout_id=rollout.pk, choice=Choice(target_ids=[one.pk]), reason=why
        )
    assert re.search(
        "(its people asked|its provider is away) skipped, as one of them has it", text(sre.get(here))
    )
    for one, why in ((first, "opens on Sunday"), (second, "opens on Monday")):
        waits = {"state": "waiting", "due_at": utcnow(), "finished_at": None}
        Target.objects.filter(pk=one.pk).update(reason_code="window", reason=why, **waits)
    for address in (here, "/fleet/"):
        assert re.search("opens on (Sunday|Monday) window, as one of them has it", text(sre.get(address)))


@pytest.mark.parametrize(
    ("state", "code", "own", "other"),
    [
        ("waiting", "busy", "is being deleted", "another operation is under way: update"),
        ("blocked", "runtime_not_upgradable", "Runtime a was never ready.", "Runtime b was never ready."),
        ("blocked", "runtime_pinned", "Runtime a is pinned to 2026.9.1.", "Runtime b is pinned to 2026.9.1."),
        ("blocked", "upgrade_blocked", "PodDisruptionBudget shop/till", "PodDisruptionBudget shop/desk"),
        ("waiting", "other_rollout", "rollout October upgrades it now", "rollout May upgrades it now"),
    ],
)
def test_nobodys_name_and_nobodys_trouble_is_told_of_others(
    world: World, sre: Client, state: str, code: str, own: str, other: str
) -> None:
    fleet(world.shop, [world.landscape], 3)
    rollout = started(world, **no_gates("rest"))
    first, second, _ = Target.objects.order_by("position")
    for one, why in ((first, own), (second, other)):
        Target.objects.filter(pk=one.pk).update(state=state, due_at=utcnow(), reason_code=code, reason=why)
    for address in (f"/fleet/rollouts/{rollout.pk}/", "/fleet/"):
        assert f"{code}, as one of them has it" in text(sre.get(address))


def test_failures_are_chosen_by_a_code_alone_in_whatever_step(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    rollout = with_failures(world)
    where = f"/fleet/rollouts/{rollout.pk}/targets"
    assert "Retry 0 runtimes?" in text(sre.get(f"{where}/retry", {"signature": "ERR_INFRA_QUOTA"}))
    assert "Retry 2 runtimes?" in text(sre.get(f"{where}/retry", {"signature": "ERR_INFRA_QUOTA_EXCEEDED"}))
    assert "r-shop" in text(sre.get(where, {"signature": "ERR_INFRA_QUOTA_EXCEEDED"}))
    sre.post(f"{where}/retry", {"signature": "ERR_INFRA_QUOTA_EXCEEDED", "reason": "more quota"})
    assert states(rollout)["waiting"] == 2


def test_nothing_can_be_pressed_where_nothing_is_chosen(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 2)
    page = sre.get(f"/fleet/rollouts/{started(world, **no_gates('rest')).pk}/targets/retry")
    assert "Retry which runtimes?" in text(page)
    assert "Go back" in text(page)
    assert "Retry them" not in text(page)


def test_who_is_asked_at_a_gate_reads_which_one_it_is_and_what_it_waits_for(
    world: World, sre: Client
) -> None:
    fleet(world.shop, [world.landscape], 2)
    asked = [{"kind": "approval"}, {"kind": "soak", "minutes": 60}]
    rollout = started(world, stages=[{"name": "all", "before": asked}])
    tick(clock=utcnow())
    told = {
        gate.kind: text(sre.get(f"/fleet/rollouts/{rollout.pk}/gates/{gate.pk}/open"))
        for gate in Gate.objects.all()
    }
    assert "Approval before the stage: waits for 1 approval." in told["approval"]
    assert "Timed soak before the stage: soaks until" in told["soak"]


def test_the_last_day_that_a_waivers_form_names_is_taken(world: World, sre: Client) -> None:
    (row,) = fleet(world.shop, [world.landscape], 1)
    where = f"/fleet/left-behind/{row.pk}"
    found = re.search(r"(\d+ \w+ \d{4}) at the latest", text(sre.get(where)))
    assert found
    last = datetime.strptime(found[1], "%d %B %Y").replace(tzinfo=UTC)
    given = {"owner": "ada", "reason": "migrates", "until": f"{last:%Y-%m-%d}"}
    assert sre.post(where, given).status_code == 302
    assert Waiver.objects.get().expires_at.date() == last.date()
    assert sre.post(where, {**given, "until": f"{last + timedelta(days=1):%Y-%m-%d}"}).status_code == 422


def test_pages_of_runtimes_in_their_order_are_no_older_and_newer_ones(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 30)
    rollout = started(world)
    where = f"/fleet/rollouts/{rollout.pk}/targets"
    first = sre.get(where)
    assert "Next" in text(first)
    assert "Older" not in text(first)
    after = re.search(r'id="older"[^>]*href="[^"?]*\?([^"]*)"', first.content.decode())
    assert after
    assert "First" in text(sre.get(f"{where}?{after[1]}"))


def test_a_preview_counts_each_place_in_one_piece_and_says_what_gates_ask_for(
    world: World, sre: Client
) -> None:
    fleet(world.shop, [world.landscape], 3)
    wish = {"name": "October", "release": NEW, "selector": "all", "shape": "safe", "leave": "on"}
    page = sre.post(
        "/fleet/rollouts/new", {**wish, "max_concurrency": "1", "max_failures": "1", "step": "preview"}
    )
    html = page.content.decode()
    assert "<span>eu-central-1 2,</span>" in html
    assert "then: timed soak of 60 min" in text(page)


def test_a_stage_lets_no_more_run_at_once_than_the_whole_rollout(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    stages = [{"name": "canary", "share": "3", "max_concurrency": 3}, {"name": "rest"}]
    rollout = started(world, stages=stages, max_concurrency=2)
    page = text(sre.get(f"/fleet/rollouts/{rollout.pk}/"))
    assert page.count("at most 2 at once") == 1
    assert "at most 3 at once" not in page


def test_what_a_gate_waits_for_is_said_once(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 2)
    asked = [{"kind": "approval"}, {"kind": "soak", "minutes": 60}]
    rollout = started(world, stages=[{"name": "all", "before": asked}])
    tick(clock=utcnow())
    page = text(sre.get(f"/fleet/rollouts/{rollout.pk}/live"))
    assert (page.count("waits for 1 approval"), page.count("soaks until")) == (1, 1)
    Stage.objects.update(hold="something else")
    assert "something else" in text(sre.get(f"/fleet/rollouts/{rollout.pk}/live"))


def test_a_stage_in_which_an_abort_left_some_is_broken_off_and_later_ones_are_skipped(
    world: World, sre: Client
) -> None:
    fleet(world.shop, [world.landscape], 4)
    with upgrading(Upgrades()):
        rollout = started(world, **no_gates(2, "rest", max_concurrency=1))
        tick(clock=utcnow())
    abort_rollout(actor=world.sam.actor, rollout_id=rollout.pk, reason="another one is better")
    page = text(sre.get(f"/fleet/rollouts/{rollout.pk}/"))
    assert (page.count("Broken off"), page.count("s1 Skipped")) == (1, 1)


def test_whoever_resumes_what_halted_reads_how_many_failed_by_now(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    with upgrading(Upgrades(fails=lambda _: "ERR_INFRA_QUOTA_EXCEEDED")) as upgrades:
        rollout = started(world, **no_gates("rest", max_failures=1, max_concurrency="100%"))
        tick(clock=utcnow())
        upgrades.end_due(max(due for due, *_ in upgrades.due.values()))
        tick(clock=utcnow())
    where = f"/fleet/rollouts/{rollout.pk}/resume"
    assert "Failure budget: 4 failed in the rollout, 1 may." in text(sre.get(where))
    assert "By now" not in text(sre.get(where))
    Rollout.objects.update(hold="Failure budget: 2 failed in the rollout, 1 may.")
    assert "By now: Failure budget: 4 failed in the rollout, 1 may." in text(sre.get(where))
