"""Rollouts over the API: an SRE plans, starts, steers and ends one; a tenant sees what concerns it, and sets its windows."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from controlplane.catalog.releasing import point_channel, withdraw_release
from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.rollouts.models import Rollout, Target
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.rolling_out import NEW, OLD, Upgrades, fleet, no_gates, upgrading
from tests.world import World

pytestmark = pytest.mark.django_db
APPROVED = {
    "stages": [
        {"name": "canary", "share": 2, "after": [{"kind": "approval"}], "max_failures": 0},
        {"name": "rest", "share": "rest"},
    ],
    "max_concurrency": 5,
    "breaker": False,
}
WISH: dict[str, Any] = {"name": "October", "release": NEW, "selector": "all", "plan": APPROVED}
WEEKEND = {"days": ["sat", "sun"], "begin": "02:00", "end": "06:00", "time_zone": "Europe/Berlin"}


@pytest.fixture
def sam(world: World) -> Asking:
    return Asking(world.sam)


def started(sam: Asking, **changes: Any) -> str:
    """Draft and start one, and return its address."""
    made = read(sam.post("/rollouts", {**WISH, **changes}))
    address = f"/rollouts/{made['id']}"
    assert sam.post(f"{address}/start").status_code == 200
    return address


def test_a_rollout_is_previewed_drafted_once_and_started(world: World, sam: Asking) -> None:
    fleet(world.shop, [world.landscape], 6)
    asked = {name: value for name, value in WISH.items() if name != "name"}
    preview = read(sam.post("/rollouts/preview", asked))
    assert (preview["members"], [stage["members"] for stage in preview["stages"]]) == (6, [2, 4])
    assert preview["stages"][0]["gates_after"] == ["Approval"]
    assert preview["finish"]["low"] <= preview["finish"]["high"]
    draft = read(sam.post("/rollouts", WISH, Idempotency_Key="one"))
    assert read(sam.post("/rollouts", WISH, Idempotency_Key="one"))["id"] == draft["id"]
    assert (draft["state"], draft["counts"]["total"], Rollout.objects.count()) == ("draft", 0, 1)
    address = f"/rollouts/{draft['id']}"
    assert problem(sam.post(f"{address}/pause", {"reason": "x"})) == (409, "rollout_not_started")
    assert problem(sam.post(f"{address}/pause", {"reason": " "})) == (422, "reason_missing")
    assert read(sam.post(f"{address}/start"))["counts"]["total"] == 6
    assert problem(sam.post(f"{address}/start")) == (409, "rollout_not_draft")
    assert read(sam.get("/rollouts?state=draft"))["results"] == []
    assert problem(sam.get("/rollouts?state=drafty")) == (400, "invalid_parameter")


def test_failures_are_grouped_tried_again_or_skipped_and_a_gate_is_approved(
    world: World, sam: Asking
) -> None:
    fleet(world.shop, [world.landscape], 6)
    address = started(sam)
    with upgrading(Upgrades(fails=lambda one: "ERR_BROKEN")) as upgrades:
        tick()
        upgrades.end_due(utcnow() + timedelta(hours=1))
        tick()
    halted = read(sam.get(address))
    assert (halted["state"], halted["counts"]["failed"], halted["errors"][0]["count"]) == ("halted", 2, 2)
    assert max(one["failed"] for one in halted["burn"]) == 2
    signature = halted["errors"][0]["signature"]
    failed = read(sam.get(f"{address}/targets?state=failed&signature={signature}"))["results"]
    assert {one["error"]["code"] for one in failed} == {"ERR_BROKEN"}
    assert problem(sam.post(f"{address}/resume", {})) == (409, "budget_exceeded")
    assert problem(sam.post(f"{address}/skip", {"targets": ["x"], "reason": "y"})) == (422, "id_invalid")
    skipped = {"targets": [failed[0]["id"]], "reason": "broken by its owner"}
    assert read(sam.post(f"{address}/skip", skipped)) == {"count": 1}
    assert read(sam.post(f"{address}/retry", {"signature": signature})) == {"count": 1}
    assert problem(sam.post(f"{address}/retry", {"signature": signature})) == (409, "nothing_chosen")
    assert read(sam.post(f"{address}/prioritise", {"targets": [failed[1]["id"]]})) == {"count": 1}
    assert read(sam.post(f"{address}/resume", {"reason": "mended"}))["state"] == "running"
    with upgrading(Upgrades()) as upgrades:
        later = utcnow() + timedelta(minutes=1)
        tick(clock=later)
        upgrades.end_due(later + timedelta(hours=1))
        tick(clock=later)
        stage = read(sam.get(address))["stages"][0]
        gate = stage["gates"][0]
        assert (stage["progress"], gate["kind"], gate["state"]) == (100, "approval", "waiting")
        assert problem(sam.post(f"{address}/gates/{gate['id']}0/approve", {})) == (404, "gate_not_found")
        approved = read(sam.post(f"{address}/gates/{gate['id']}/approve", {"note": "looks well"}))
        assert approved["stages"][0]["gates"][0]["approvals"][0]["note"] == "looks well"
        assert problem(sam.post(f"{address}/gates/{gate['id']}/approve", {})) == (409, "approved_already")
    assert read(sam.get(f"{address}/feed?limit=1"))["results"][0]["state"] in {"succeeded", "skipped"}
    aborted = read(sam.post(f"{address}/abort", {"reason": "enough"}))
    assert aborted["state"] in {"aborting", "aborted"}


def test_failures_of_one_cause_are_one_whatever_stages_they_came_in(world: World, sam: Asking) -> None:
    fleet(world.shop, [world.landscape], 4)
    plan = {"stages": [{"name": "one", "share": 1}, {"name": "rest"}], "max_failures": "100%"}
    address = started(sam, plan=plan)
    with upgrading(Upgrades(fails=lambda _: "ERR_BROKEN")) as upgrades:
        for _ in range(4):
            tick()
            upgrades.end_due(utcnow() + timedelta(hours=1))
        tick()
    assert [(one["signature"], one["count"]) for one in read(sam.get(address))["errors"]] == [
        ("ERR_BROKEN@roll", 4)
    ]


def test_pages_of_rollouts_and_targets_hold_every_row_once(world: World, sam: Asking) -> None:
    fleet(world.shop, [world.landscape], 5)
    address = started(sam, plan=no_gates(1, "rest"))
    seen: list[str] = []
    page: str | None = f"{address}/targets?limit=2"
    while page:
        answer = read(sam.get(page))
        seen += [one["runtime"]["id"] for one in answer["results"]]
        page = answer["next"]
    assert len(seen) == len(set(seen)) == 5
    assert read(sam.get(f"{address}/targets?limit=5"))["next"] is None
    assert len(read(sam.get(f"{address}/targets?stage=0"))["results"]) == 1
    assert problem(sam.get(f"{address}/targets?cursor=x")) == (400, "cursor_invalid")
    assert problem(sam.get(f"{address}/targets?stage=x")) == (400, "invalid_parameter")
    for number in range(2):
        Rollout.objects.create(name=f"r{number}", release_key=NEW, selector="all", created_by="test")
    first = read(sam.get("/rollouts?limit=2"))
    assert len(first["results"] + read(sam.get(first["next"]))["results"]) == 3


def test_bad_input_is_refused_before_the_start_with_the_reason_and_the_fix(world: World, sam: Asking) -> None:
    runtime = fleet(world.shop, [world.landscape], 4)[0]

    def stages(*given: dict[str, Any]) -> dict[str, Any]:
        return {"plan": {"stages": list(given)}}

    rest = {"name": "rest", "share": "rest"}
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"selector": "name=none"}, "selection_empty"),
        ({"selector": ""}, "selector_empty"),
        ({"selector": "regoin=eu-central-1"}, "selector_unknown_key"),
        ({"selector": "plan=awss"}, "selector_unknown_value"),
        ({"selector": "cohort=150%"}, "percent_over_100"),
        ({"release": "2026.10.2"}, "release_unknown"),
        ({"release": "2026.12.1"}, "release_unpublished"),
        ({"plan": {"max_concurrency": "120%"}}, "percent_over_100"),
        ({"plan": {"max_concurrency": 0}}, "amount_zero"),
        ({"plan": {"windows": "ignore"}}, "windows_not_ignorable"),
        ({"plan": {"staegs": []}}, "plan_invalid"),
        (stages({"name": "a", "select": "region=us-east-1", "share": "rest"}), "members_without_stage"),
        (stages({"name": "all", "share": "100%"}, rest), "stage_without_targets"),
        (stages({**rest, "before": [{"kind": "approvl"}]}), "gate_unknown"),
        (stages({**rest, "before": [{"kind": "approval", "approvers": 9}]}), "gate_never_met"),
        (stages({**rest, "after": [{"kind": "health", "healthy_percent": 101}]}), "gate_never_met"),
        (stages({**rest, "before": [{"kind": "scheduled_start", "at": "2020-01-01T00:00:00Z"}]}), "gate_never_met"),
    ]  # fmt: skip
    asked = {"release": NEW, "selector": "all", "plan": {}}

    def code_of(**changes: Any) -> str:
        answer = sam.post("/rollouts/preview", {**asked, **changes})
        status, code = problem(answer)
        assert status in {404, 409, 422}, answer.content
        return code

    assert [(code_of(**wish), wish) for wish, _ in wrong] == [(code, wish) for wish, code in wrong]
    newest = {
        **runtime.spec,
        "release": {**runtime.spec["release"], "key": "2026.11.1", "kubernetes": "1.35.4"},
    }
    Runtime.objects.update(spec=newest)
    assert code_of() == "release_older"
    Runtime.objects.update(spec=runtime.spec)
    Runtime.objects.filter(pk=runtime.pk).update(cluster_spec={"pools": [{"architecture": "riscv"}]})
    assert code_of() == "plan_unsupported"
    Runtime.objects.filter(pk=runtime.pk).update(cluster_spec=runtime.cluster_spec)
    window = {
        "days": ["sat"],
        "begin": "06:00",
        "end": "05:00",
        "time_zone": "Europe/Berlin",
        "tenant": "archipel",
    }
    assert problem(sam.post("/maintenance-windows", window)) == (422, "window_end_before_begin")
    started(sam)
    assert code_of() == "rollouts_overlap"
    point_channel(actor=world.sam.actor, key="regular", release="2026.11.1")
    withdraw_release(actor=world.sam.actor, key=NEW, reason="broken")
    assert code_of() == "release_withdrawn"
    assert code_of(release="2026.11.1") == "hop_missing"


def test_a_tenant_learns_why_its_runtime_waits_and_says_when_it_may_be_upgraded(
    world: World, sam: Asking
) -> None:
    runtimes = fleet(world.shop, [world.landscape], 2)
    foreign = fleet(world.main, [world.landscape], 1)[0]
    alice, vera = Asking(world.alice), Asking(world.vera)
    made = alice.post("/maintenance-windows", WEEKEND, Idempotency_Key="w")
    assert (made.status_code, read(made)["tenant"]) == (201, "archipel")
    assert read(alice.post("/maintenance-windows", WEEKEND, Idempotency_Key="w")) == read(made)
    assert problem(alice.post("/maintenance-windows", {**WEEKEND, "time_zone": "Europe/Brelin"})) == (
        422,
        "window_zone",
    )
    assert problem(vera.post("/maintenance-windows", WEEKEND)) == (403, "forbidden")
    assert problem(alice.post("/maintenance-windows", {**WEEKEND, "runtime": str(foreign.pk)}))[0] == 404
    now = utcnow()
    shut = {"begins_at": rfc3339(now), "ends_at": rfc3339(now + timedelta(days=20)), "reason": "Christmas"}
    assert problem(alice.post("/maintenance-exclusions", {**shut, "ends_at": "soon"})) == (
        422,
        "moment_invalid",
    )
    assert alice.post("/maintenance-exclusions", shut).status_code == 201
    again = {
        **shut,
        "begins_at": rfc3339(now + timedelta(days=30)),
        "ends_at": rfc3339(now + timedelta(days=41)),
    }
    assert problem(alice.post("/maintenance-exclusions", again)) == (409, "deferral_exhausted")
    everybody = sam.post("/maintenance-windows", {**WEEKEND, "plan": "aws"})
    assert (everybody.status_code, read(everybody)["plan"]) == (201, "aws")
    assert [one["tenant"] for one in read(vera.get("/maintenance-windows"))["results"]] == ["archipel"]
    assert len(read(sam.get("/maintenance-windows"))["results"]) == 2
    started(sam, plan=no_gates("rest"))
    tick()
    inside = read(sam.get(f"/runtimes/{runtimes[0].pk}/why-not"))["results"][0]
    told = read(vera.get(f"/runtimes/{runtimes[0].pk}/why-not"))["results"][0]
    assert (inside["rollout"]["name"], told["rollout"]) == ("October", None)
    assert told["links"][-1]["code"] in {"excluded", "window"}
    assert problem(vera.get(f"/runtimes/{foreign.pk}/why-not")) == (404, "runtime_not_found")
    exclusion = read(alice.get("/maintenance-exclusions"))["results"][0]
    assert alice.delete(f"/maintenance-exclusions/{exclusion['id']}").status_code == 200
    assert alice.delete(f"/maintenance-windows/{read(made)['id']}").status_code == 200
    assert problem(alice.delete(f"/maintenance-windows/{read(everybody)['id']}"))[0] in {403, 404}


def test_who_is_left_behind_is_waived_by_name_and_one_press_stops_everything(
    world: World, sam: Asking
) -> None:
    runtime = fleet(world.shop, [world.landscape], 1)[0]
    fleet(world.main, [world.landscape], 1)
    versions = {one["release"]: one for one in read(sam.get("/fleet/versions"))["results"]}
    assert (versions[OLD]["runtimes"], versions[OLD]["newest"]) == (2, False)
    ends = rfc3339(utcnow() + timedelta(days=30))
    wish = {"runtime": str(runtime.pk), "owner": "ada", "reason": "their freeze", "expires_at": ends}
    waiver = read(sam.post("/fleet/waivers", wish))
    assert problem(sam.post("/fleet/waivers", {**wish, "owner": " "})) == (422, "owner_missing")
    waived = read(sam.get("/fleet/left-behind?waived=true"))["results"]
    assert [(one["runtime"]["id"], one["waiver"]["owner"]) for one in waived] == [(str(runtime.pk), "ada")]
    first = read(sam.get("/fleet/left-behind?limit=1"))
    assert len(first["results"] + read(sam.get(first["next"]))["results"]) == 2
    assert [one["id"] for one in read(sam.get("/fleet/waivers"))["results"]] == [waiver["id"]]
    assert sam.delete(f"/fleet/waivers/{waiver['id']}").status_code == 200
    assert problem(sam.delete(f"/fleet/waivers/{waiver['id']}")) == (404, "waiver_not_found")
    address = started(sam, plan=no_gates("rest"))
    assert read(sam.post("/fleet/emergency-stop", {"reason": "the provider burns"}))["engaged"]
    assert read(sam.get(address))["state"] == "paused"
    assert problem(sam.post(f"{address}/resume", {})) == (409, "emergency_stop")
    assert read(sam.get("/fleet/emergency-stop"))["reason"] == "the provider burns"
    assert not read(sam.delete("/fleet/emergency-stop?reason=over"))["engaged"]
    assert problem(sam.delete("/fleet/emergency-stop")) == (409, "stop_not_engaged")
    assert read(sam.post(f"{address}/resume", {}))["state"] == "running"
    assert read(sam.get(address))["closed_at"] is None
    closed = read(sam.post(f"{address}/close", {"reason": "enough"}))
    assert closed["counts"]["left_behind"] == 2
    assert closed["closed_at"]
    assert Target.objects.filter(reason_code="closed").count() == 2
