"""Rollouts tell tenants that listen and have a runtime in them, and nobody else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.tenants.models import Tenant
from provisioner.lifecycle import upgrade_notices
from provisioner.rollouts.models import MaintenanceWindow
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from tests.rolling_out import NEW, Upgrades, fleet, upgrading
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
    first, second = fleet(world.shop, [world.landscape], 2)
    MaintenanceWindow.objects.create(
        runtime=second, tenant=world.archipel, days=["sat"], begin="02:00", end="04:00", time_zone="UTC",
        created_by="t",
    )  # fmt: skip
    told: list[Any] = []
    monkeypatch.setattr(upgrade_notices, "_tell", lambda _kind, _tenant, words, _key: told.append(words))
    with upgrading(Upgrades()):
        rollout = create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="account=shop")
        tick()
        start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
        tick()
        tick()
    [words] = told
    assert (words["release"], words["count"]) == (NEW, 2)
    when = {one["name"]: one["when"] for one in words["runtimes"]}
    assert when[first.name] == "in its turn"
    assert when[second.name].startswith("not before")
