"""Rollouts tell tenants that listen and have a runtime in them, and nobody else."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.tenants.isolation.scopes import tenant_scope
from controlplane.tenants.models import Tenant
from provisioner.lifecycle import upgrade_notices
from provisioner.rollouts.models import Exclusion, MaintenanceWindow, Stage, Target
from provisioner.rollouts.planning import plan_rollout
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.rollouts.why_not import why_not
from tests.rolling_out import NEW, Upgrades, fleet, upgrading
from tests.work import refused
from tests.world import World

pytestmark = pytest.mark.django_db


def listens(tenant: Tenant, *kinds: str) -> Webhook:
    return Webhook.objects.create(
        id=uuid7(), tenant=tenant, url="https://hooks.example.org/x", kinds=list(kinds), sealed=b"x", created_by="t",
        created_at=utcnow(),
    )  # fmt: skip


def test_whoever_listens_and_is_concerned_is_told_without_others_numbers(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    theirs = listens(world.archipel, "rollout.changed", "rollout.gate")
    listens(world.basalt, "rollout.changed")
    plan = {"stages": [{"name": "rest", "before": [{"kind": "approval"}]}]}
    with upgrading(Upgrades()):
        rollout = create_rollout(
            actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
        )
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick()
    told = WebhookDelivery.objects.order_by("id")
    assert {one.webhook_id for one in told} == {theirs.id}
    assert [one.kind for one in told] == ["rollout.changed", "rollout.gate"]
    data = json.loads(bytes(told[0].body) if isinstance(told[0].body, bytes | memoryview) else told[0].body)[
        "data"
    ]
    assert data == {"rollout": str(rollout.id), "release": NEW, "state": "running"}


def test_owners_and_admins_are_told_once_and_beforehand_what_comes_and_when_it_may_begin(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second, third, fourth = fleet(world.shop, [world.landscape], 4)
    for runtime in (second, fourth):
        MaintenanceWindow.objects.create(
            runtime=runtime, tenant=world.archipel, days=["sat"], begin="02:00", end="04:00", time_zone="UTC",
            created_by="t",
        )  # fmt: skip
    span = {
        "begins_at": utcnow() - timedelta(days=1),
        "ends_at": utcnow() + timedelta(days=8),
        "reason": "our fair",
    }
    for runtime in (third, fourth):
        Exclusion.objects.create(runtime=runtime, tenant=world.archipel, **span)
    told: list[Any] = []
    monkeypatch.setattr(upgrade_notices, "_tell", lambda _kind, _tenant, words, _key: told.append(words))
    with upgrading(Upgrades()):
        rollout = create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="account=shop")
        tick()
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick()
        tick()
    [words] = told
    assert (words["release"], words["count"]) == (NEW, 4)
    when = {one["name"]: one["when"] for one in words["runtimes"]}
    assert when[first.name] == "in its turn"
    assert when[second.name].startswith("not before")
    assert when[second.name].endswith("when its maintenance window opens")
    assert when[third.name] == f"not before {span['ends_at']:%-d %b %H:%M} UTC, when its exclusion is over"
    assert when[fourth.name].endswith("when its exclusion is over and its maintenance window is open")


def test_what_a_tenant_reads_of_a_stage_to_come_is_what_the_message_said(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world.shop, [world.landscape], 2)
    told: list[Any] = []
    monkeypatch.setattr(upgrade_notices, "_tell", lambda _kind, _tenant, words, _key: told.append(words))
    start = (utcnow() + timedelta(days=2)).replace(microsecond=0)
    gate = {"kind": "scheduled_start", "at": start.isoformat()}
    plan = {"stages": [{"name": "canary", "share": 1}, {"name": "rest", "before": [gate]}], "notice_hours": 0}
    with upgrading(Upgrades()):
        rollout = create_rollout(
            actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
        )
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick()
        tick()
    later = Target.objects.get(state="planned").runtime
    [when] = [one["when"] for one in told[0]["runtimes"] if one["name"] == later.name]
    assert when == f"not before {start:%-d %b %H:%M} UTC"
    with tenant_scope(world.archipel.id):
        (chain,) = why_not(actor=world.alice.actor, runtime_id=later.pk)
    assert chain.links[0].reason == f"comes {when}"


def test_canaries_have_notice_before_they_begin_and_why_not_says_so(world: World) -> None:
    [canary] = fleet(world.shop, [world.landscape], 1)
    hears = listens(world.archipel, "runtime.upgrade_planned")
    plan = {"stages": [{"name": "rest"}], "notice_hours": 24}
    now = utcnow()
    with upgrading(Upgrades(clock=lambda: now)) as upgrades:
        rollout = create_rollout(
            actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
        )
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        for hours in (0, 23):
            tick(clock=now + timedelta(hours=hours))
            assert not upgrades.begun
        [told] = WebhookDelivery.objects.filter(webhook_id=hears.id)
        assert str(rfc3339(now + timedelta(hours=24))) in str(told.body)
        stage = Stage.objects.get(rollout=rollout)
        assert stage.hold.startswith("tenants were told on ")
        assert f"not before {now + timedelta(hours=24):%d %b %H:%M} UTC" in stage.hold
        [link] = why_not(actor=world.sam.actor, runtime_id=canary.pk)[0].links
        assert link.reason == stage.hold or link.level == "stage"
        tick(clock=now + timedelta(hours=24, minutes=1))
        assert len(upgrades.begun) == 1


def test_who_joins_later_is_told_and_has_notice_too(world: World) -> None:
    fleet(world.shop, [world.landscape], 1)
    hears = listens(world.basalt, "runtime.upgrade_planned")
    plan = {
        "stages": [{"name": "canary", "share": 1}, {"name": "rest"}],
        "max_concurrency": 3,
        "notice_hours": 24,
    }
    now = utcnow()

    def look(hours: float) -> None:
        tick(clock=now + timedelta(hours=hours))

    with upgrading(Upgrades(clock=lambda: now)) as upgrades:
        fleet(world.lab, [world.landscape], 1)
        rollout = create_rollout(
            actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
        )
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        look(0)
        assert not WebhookDelivery.objects.filter(webhook_id=hears.id).exists()
        fleet(world.main, [world.landscape], 1)
        look(20)
        assert WebhookDelivery.objects.filter(webhook_id=hears.id).count() == 1
        look(25)
        upgrades.end_due(now + timedelta(hours=26))
        look(26)
        look(26.1)
        joined = Target.objects.get(runtime__account=world.main)
        assert (joined.state, joined.reason_code) == ("waiting", "notice")
        assert joined.reason.startswith("told on ")
        look(44.1)
        assert Target.objects.get(pk=joined.pk).state == "running"


def test_an_urgent_rollout_and_one_without_notice_begin_at_once(world: World, settings: Any) -> None:
    settings.ROLLOUT_NOTICE_HOURS = 24.0
    fleet(world.shop, [world.landscape], 2)
    rest = {"stages": [{"name": "rest"}], "max_concurrency": "100%"}

    def gates(**wish: Any) -> list[str]:
        found = plan_rollout(**{
            "release": NEW, "selector": "all", "plan": rest, "urgent": False, "overlap": False, "now": utcnow(), **wish
        })  # fmt: skip
        return [gate.kind for gate in found.frozen.stages[0].before]

    assert gates() == ["notice"]
    assert gates(plan={}) == ["notice"]
    assert gates(urgent=True) == gates(plan={**rest, "notice_hours": 0}) == []


def test_what_a_tenant_is_told_counts_known_soaks_and_starts(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet(world.shop, [world.landscape], 2)
    told: list[Any] = []
    monkeypatch.setattr(upgrade_notices, "_tell", lambda _kind, _tenant, words, _key: told.append(words))
    now = utcnow()
    start = (now + timedelta(days=3)).replace(microsecond=0)
    canary = {
        "name": "canary", "share": 1, "before": [{"kind": "scheduled_start", "at": start.isoformat()}],
        "after": [{"kind": "soak", "minutes": 120}],
    }  # fmt: skip
    plan = {"stages": [canary, {"name": "rest"}], "notice_hours": 24}
    with upgrading(Upgrades()):
        rollout = create_rollout(
            actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan
        )
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick(clock=now)
    expected = {f"not before {at:%-d %b %H:%M} UTC" for at in (start, start + timedelta(hours=2))}
    assert {one["when"] for one in told[0]["runtimes"]} == expected


@pytest.mark.parametrize(
    ("canary", "rest", "where"),
    [
        ({"after": [{"kind": "notice", "hours": 24}]}, {}, "stages.0.after.0"),
        ({}, {"before": [{"kind": "approval"}, {"kind": "notice", "hours": 24}]}, "stages.1.before.1"),
        ({}, {"after": [{"kind": "notice", "hours": 24}]}, "stages.1.after.0"),
    ],
)
def test_a_notice_where_nobody_would_be_told_is_refused_where_it_stands(
    world: World, settings: Any, canary: Any, rest: Any, where: str
) -> None:
    settings.ROLLOUT_NOTICE_HOURS = 24.0
    fleet(world.shop, [world.landscape], 2)
    plan = {"stages": [{"name": "canary", "share": 1, **canary}, {"name": "rest", **rest}]}
    with refused("gate_never_met") as caught:
        create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan)
    assert caught.value.errors[0].field == where
    assert "tells nobody" in caught.value.detail
    assert "`notice_hours`" in caught.value.detail


def test_a_notice_before_the_first_stage_is_asked_for_beside_the_usual_one(
    world: World, settings: Any
) -> None:
    settings.ROLLOUT_NOTICE_HOURS = 24.0
    fleet(world.shop, [world.landscape], 2)
    plan = {"stages": [{"name": "rest", "before": [{"kind": "notice", "hours": 48}]}]}
    create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="all", plan=plan)
