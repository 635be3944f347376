"""The fleet's pages: as many statements for many as for one, buttons that call the services, refusals in the form."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.kernel.clock import utcnow
from provisioner.rollouts.kept_preview import as_kept, kept_preview, preview_from
from provisioner.rollouts.models import EmergencyStop, Gate, Rollout, Stage, Target, Waiver
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.rollouts.waiving import waive_runtime
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, OLD, Upgrades, fleet, no_gates, release, states, upgrading
from tests.signed_in import browse, hidden_value, text
from tests.world import World

pytestmark = pytest.mark.django_db

WISH = {
    "name": "October", "release": NEW, "selector": "all", "shape": "one", "max_concurrency": "10%", "max_failures": "2%",
    "leave": "on",
}  # fmt: skip


@pytest.fixture
def sre(world: World) -> Client:
    return browse(world.sam)


def started(world: World, **plan: Any) -> Rollout:
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan or no_gates(2, "rest")
    )
    return start_rollout(actor=world.sam.actor, rollout_id=made.pk)


FAILED = 2


def with_failures(world: World, *shares: int | str) -> Rollout:
    with upgrading(Upgrades(fails=lambda _: "ERR_INFRA_QUOTA_EXCEEDED")) as upgrades:
        rollout = started(
            world, **no_gates(*(shares or (FAILED, "rest")), max_failures="100%", max_concurrency="100%")
        )
        tick(clock=utcnow())
        upgrades.end_due(max(due for due, *_ in upgrades.due.values()))
        tick(clock=utcnow())
    assert states(rollout)["failed"] == FAILED
    return rollout


def statements(client: Client, path: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(path).status_code == 200
    return len(caught)


def test_a_page_asks_as_much_of_many_runtimes_as_of_few(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    paths = ["/fleet/", "/fleet/rollouts", "/fleet/left-behind", "/fleet/runtimes"]
    rollout = with_failures(world)
    paths += [f"/fleet/rollouts/{rollout.pk}/", f"/fleet/rollouts/{rollout.pk}/targets"]
    for path in paths:
        sre.get(path)
    few = [statements(sre, path) for path in paths]
    fleet(world.lab, [world.landscape], 40, phase="failed")
    more = create_rollout(
        actor=world.sam.actor,
        name="More",
        release=NEW,
        selector="account=lab",
        plan=no_gates(4, "rest"),
        overlap=True,
    )
    start_rollout(actor=world.sam.actor, rollout_id=more.pk)
    paths[-2:] = [f"/fleet/rollouts/{more.pk}/", f"/fleet/rollouts/{more.pk}/targets"]
    many = [statements(sre, path) for path in paths]
    assert all(now <= before + 1 for now, before in zip(many, few, strict=True)), (few, many)


def test_nothing_starts_before_it_was_previewed_as_it_is(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    page = sre.post("/fleet/rollouts/new", {**WISH, "step": "start"})
    assert "The form has changed since you looked" in text(page)
    assert "4 runtimes of 1 tenant" in text(page)
    assert not Rollout.objects.exists()
    seen = hidden_value(page, "seen")
    changed = sre.post("/fleet/rollouts/new", {**WISH, "max_failures": "50%", "step": "start", "seen": seen})
    assert "The form has changed since you looked" in text(changed)
    gone_on = sre.post("/fleet/rollouts/new", {**WISH, "step": "start", "seen": seen})
    rollout = Rollout.objects.get()
    assert gone_on["Location"] == f"/fleet/rollouts/{rollout.pk}/"
    assert rollout.state == "running"
    assert states(rollout) == {"planned": 4}


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"selector": "plam=aws"}, "plan"),
        ({"max_concurrency": "110%"}, "write at most 100%"),
        ({"ignore_windows": "on"}, "Only an urgent rollout may ignore"),
        ({"starts_per_minute": "many"}, "must be a number"),
        ({"notice_hours": "a day"}, "must be a number of hours"),
        ({"release": "2030.1.1"}, "2030.1.1"),
    ],
)
def test_what_would_be_refused_is_told_in_the_form(
    world: World, sre: Client, wish: dict[str, str], told: str
) -> None:
    fleet(world.shop, [world.landscape], 2)
    page = sre.post("/fleet/rollouts/new", {**WISH, **wish, "step": "preview"})
    assert page.status_code == 422
    assert told in text(page)
    assert "What it would do" not in text(page)


def test_how_long_beforehand_tenants_are_told_is_asked_for(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 2)
    page = sre.post("/fleet/rollouts/new", {**WISH, "notice_hours": "36", "step": "preview"})
    assert 'name="notice_hours"' in page.content.decode()
    seen = hidden_value(page, "seen")
    sre.post("/fleet/rollouts/new", {**WISH, "notice_hours": "36", "step": "start", "seen": seen})
    assert Rollout.objects.get().plan["notice_hours"] == 36


def test_closing_a_rollout_says_beforehand_whom_it_leaves_behind_and_who_answers(
    world: World, sre: Client
) -> None:
    one, *_ = fleet(world.shop, [world.landscape], 4)
    rollout = started(world)
    ends = utcnow() + timedelta(days=3)
    waive_runtime(
        actor=world.sam.actor, runtime_id=one.pk, owner="ada", reason="their freeze", expires_at=ends
    )
    for verb in ("close", "abort"):
        page = text(sre.get(f"/fleet/rollouts/{rollout.pk}/{verb}"))
        assert "4 would be left behind: 1 waived by name, 3 with nobody who answers for them." in page


def test_a_rollout_is_paused_with_a_reason_and_goes_on(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    rollout = started(world)
    here = f"/fleet/rollouts/{rollout.pk}"
    assert "Say why" in text(sre.post(f"{here}/pause", {"reason": " "}))
    assert sre.post(f"{here}/pause", {"reason": "odd graphs"}, follow=True).status_code == 200
    page = text(sre.get(f"{here}/"))
    assert "odd graphs" in page
    assert "Resume" in page
    sre.post(f"{here}/resume", {"reason": ""})
    rollout.refresh_from_db()
    assert rollout.state == "running"
    assert sre.post(f"{here}/resume", {"reason": ""}).status_code == 422


def test_failures_are_grouped_and_retried_by_their_cause(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    rollout = with_failures(world)
    here = f"/fleet/rollouts/{rollout.pk}"
    page = text(sre.get(f"{here}/"))
    assert "Raise the infrastructure account's quota" in page
    assert "Failures by cause over time" in sre.get(f"{here}/").content.decode()
    signature = Target.objects.filter(state="failed").values_list("signature", flat=True)[0]
    asked = sre.get(f"{here}/targets/retry", {"signature": signature})
    assert "Retry 2 runtimes?" in text(asked)
    sre.post(f"{here}/targets/retry", {"signature": signature, "reason": "more quota"})
    assert states(rollout)["waiting"] == 2
    assert "None of the targets" in text(sre.post(f"{here}/targets/retry", {"signature": signature}))


def test_ticked_runtimes_are_skipped_for_a_reason_that_stays(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    rollout = started(world)
    one = Target.objects.filter(rollout=rollout).order_by("position")[0]
    where = f"/fleet/rollouts/{rollout.pk}/targets/skip"
    assert "Nothing is chosen" in text(sre.get(where))
    assert "Skip 1 runtime?" in text(sre.get(where, {"target": str(one.pk)}))
    sre.post(where, {"target": str(one.pk), "reason": "its people asked"})
    one.refresh_from_db()
    assert (one.state, one.reason) == ("skipped", "its people asked")
    assert "its people asked" in text(sre.get(f"/fleet/rollouts/{rollout.pk}/targets?state=skipped"))


def test_a_gate_is_approved_once_by_each_person(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    rollout = started(world, stages=[{"name": "all", "share": "rest", "before": [{"kind": "approval"}]}])
    tick(clock=utcnow())
    gate = Gate.objects.get(stage__in=Stage.objects.filter(rollout=rollout))
    where = f"/fleet/rollouts/{rollout.pk}/gates/{gate.pk}/approve"
    assert "Approve" in text(sre.get(f"/fleet/rollouts/{rollout.pk}/"))
    assert sre.post(where, {"reason": "looks good"}).status_code == 302
    assert "somebody else has to" in text(sre.post(where, {"reason": "again"}))
    assert sre.get(f"/fleet/rollouts/{rollout.pk}/gates/{gate.pk + 1}/approve").status_code == 404


def test_the_emergency_stop_is_one_press_on_every_page_and_stands_on_every_page(
    world: World, sre: Client
) -> None:
    fleet(world.shop, [world.landscape], 4)
    rollout = started(world)
    page = sre.get(f"/fleet/rollouts/{rollout.pk}/")
    assert '<form method="post" action="/fleet/stop">' in page.content.decode()
    given = {name: hidden_value(page, name) for name in ("do", "reason")}
    assert f'value="{given["reason"]}"' in sre.get("/fleet/stop").content.decode()
    sre.post("/fleet/stop", given)
    rollout.refresh_from_db()
    assert rollout.state == "paused"
    for path in ("/fleet/", "/fleet/rollouts", "/fleet/left-behind", f"/fleet/rollouts/{rollout.pk}/"):
        assert "The emergency stop is engaged." in text(sre.get(path))
    sre.post("/fleet/stop", {"do": "release", "reason": ""})
    assert not EmergencyStop.objects.filter(released_at=None).exists()


def test_who_is_left_behind_is_waived_by_name_until_a_day(world: World, sre: Client) -> None:
    row = fleet(world.shop, [world.landscape], 1)[0]
    where = f"/fleet/left-behind/{row.pk}"
    assert "no rollout has reached it" in text(sre.get("/fleet/left-behind"))
    given = {"owner": "ada@example.org", "until": "2020-01-01", "reason": "vendor is late"}
    assert "A waiver ends in the future" in text(sre.post(where, given))
    assert "must be a day" in text(sre.post(where, {**given, "until": "soon"}))
    page = sre.get(where)
    usual = page.context["asked"].fields[1].value
    sre.post(where, {**given, "until": usual})
    waiver = Waiver.objects.get(revoked_at=None)
    assert "ada@example.org" in text(sre.get("/fleet/left-behind?waived=yes"))
    assert "Nobody here" in text(sre.get("/fleet/left-behind?waived=no"))
    sre.post(f"/fleet/left-behind/waivers/{waiver.pk}/revoke")
    assert "Nobody here" not in text(sre.get("/fleet/left-behind?waived=no"))


def test_rollouts_that_ended_with_somebody_behind_are_named_where_nobody_else_is(
    world: World, sre: Client
) -> None:
    fleet(world.shop, [world.landscape], FAILED)
    Runtime.objects.update(spec={"parameters": {"channel": "none"}, "release": release(OLD)})
    assert "ended with somebody behind" not in text(sre.get("/fleet/left-behind"))
    rollout = with_failures(world, "rest")
    tick(clock=utcnow())
    first = Target.objects.filter(state="failed").order_by("position").first()
    assert first is not None
    waive_runtime(
        actor=world.sam.actor, runtime_id=first.runtime_id, owner="ada", reason="late",
        expires_at=utcnow() + timedelta(days=3),
    )  # fmt: skip
    page = sre.get("/fleet/left-behind")
    assert "October 2 , 1 of them waived." in text(page)
    assert f"/fleet/rollouts/{rollout.pk}/targets?state=not_done" in page.content.decode()
    Runtime.objects.update(spec={"parameters": {"channel": "none"}, "release": release(NEW)})
    assert "ended with somebody behind" not in text(sre.get("/fleet/left-behind"))


def test_a_drafts_selector_stands_beside_its_name_and_not_for_its_progress(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 1)
    create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="tenant=archipel", plan=no_gates("rest")
    )
    assert "October 2026.10.1 · tenant=archipel Draft not begun 0" in text(sre.get("/fleet/rollouts"))


def test_who_is_blocked_is_marked_otherwise_than_who_failed(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 2)
    started(world, **no_gates("rest"))
    Target.objects.update(
        state="blocked", due_at=utcnow(), reason_code="runtime_pinned", reason="It is pinned."
    )
    page = sre.get("/fleet/rollouts").content.decode()
    assert "2 blocked" in page
    assert "fill-bad" not in page


def test_a_rollout_ends_with_everybody_who_is_not_on_it_by_name_and_who_answers(
    world: World, sre: Client
) -> None:
    fleet(world.shop, [world.landscape], FAILED)
    rollout = with_failures(world, "rest")
    tick(clock=utcnow())
    here = f"/fleet/rollouts/{rollout.pk}"
    failed = (
        Target.objects.select_related("runtime").filter(rollout=rollout, state="failed").order_by("position")
    )
    page = text(sre.get(f"{here}/"))
    assert "none waived by name" in page
    assert all(one.runtime.name in page for one in failed)
    waive = f"/fleet/left-behind/{failed[0].runtime_id}?rollout={rollout.pk}"
    until = sre.get(waive).context["asked"].fields[1].value
    given = {"owner": "ada@example.org", "until": until, "reason": "vendor is late"}
    assert sre.post(waive, given)["Location"] == f"{here}/"
    page = text(sre.get(f"{here}/"))
    assert "1 of them waived by name" in page
    assert "ada@example.org" in page
    kept = set(failed.values_list("runtime", flat=True)[:1])
    Runtime.objects.exclude(pk__in=kept).update(
        spec={**failed[0].runtime.spec, "release": {**failed[0].runtime.spec["release"], "key": "2026.11.1"}}
    )
    page = text(sre.get(f"{here}/"))
    assert "each waived by name" in page, "whoever went on by itself is not behind"
    assert page.index("ada@example.org") < page.index("upgraded since")
    Runtime.objects.filter(pk__in=kept).update(phase="deprovisioned", deleted_at=utcnow())
    page = text(sre.get(f"{here}/"))
    assert "Nobody is left behind any more" in page
    assert f"{FAILED} it did not bring along were upgraded or removed since" in page
    assert failed[1].runtime.name in text(sre.get(f"{here}/targets?state=not_done"))


def test_a_draft_shows_what_it_would_do_before_it_starts_and_is_discarded(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 4)
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates(2, "rest")
    )
    here = f"/fleet/rollouts/{made.pk}"
    assert "Nothing has begun" in text(sre.get(f"{here}/"))
    assert "What it would do" in text(sre.get(f"{here}/start"))
    sre.post(f"{here}/discard", {"reason": "another way"})
    page = text(sre.get(f"{here}/"))
    assert "It was given up before it began" in page
    assert "Nobody is left behind" not in page


def test_a_drafts_page_reads_what_it_would_do_and_works_it_out_anew_when_asked(
    world: World, sre: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world.shop, [world.landscape], 4)
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates(2, "rest")
    )
    here = f"/fleet/rollouts/{made.pk}/start"
    fleet(world.main, [world.landscape], 3)
    with monkeypatch.context() as patched:
        patched.setattr("provisioner.rollouts.previewing.plan_rollout", None)
        before = text(sre.get(here))
    assert "4 runtimes of 1 tenant" not in before
    assert "2 runtimes of 1 tenant" in before, "of the rest: as it was when the draft was made"
    assert sre.post(here, {"again": "yes"})["Location"] == here
    assert "5 runtimes of 2 tenants" in text(sre.get(here))
    assert not made.targets.exists(), "nothing has begun"
    made.refresh_from_db()
    kept = kept_preview(made)
    assert kept is not None
    assert kept.preview == preview_from(as_kept(kept.preview))
    assert kept.preview.members == 7
    sre.post(here)
    made.refresh_from_db()
    assert (made.state, kept_preview(made)) == ("running", None)


def test_a_runtime_is_found_by_anything(world: World, sre: Client) -> None:
    row, other = fleet(world.shop, [world.landscape], 2)
    named = ("archipel", OLD, "1.33", "tier=gold", str(row.pk), row.name, row.cluster_name)
    narrowed = ("kubernetes=1.33", "label=tier=gold", "landscape=embedded", "plan=aws", "tenant=archipel")
    for query in (*(f"q={word}" for word in named), *narrowed):
        assert row.name in text(sre.get(f"/fleet/runtimes?{query}")), query
    assert other.name not in text(sre.get(f"/fleet/runtimes?q={row.pk}"))
    rollout = started(world, **no_gates("rest"))
    targets = f"/fleet/rollouts/{rollout.pk}/targets"
    assert other.name not in text(sre.get(f"{targets}?q={row.name}"))
    assert row.name in text(sre.get(f"{targets}?q={row.name}"))
    assert "Nothing matches" in text(sre.get("/fleet/runtimes?q=nowhere-to-be-found"))
