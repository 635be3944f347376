"""Whoever listens hears of each end of an operation once, and nothing of others'."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import uuid7
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.tenants.models import Tenant
from provisioner.lifecycle.operation_events import tell_operations
from provisioner.operations.models import Operation
from tests.world import World, order

pytestmark = pytest.mark.django_db


def listens(tenant: Tenant) -> None:
    Webhook.objects.create(
        id=uuid7(), tenant=tenant, url="https://hooks.example.org/x", kinds=["operation.ended"], sealed=b"x", created_by="t",
        created_at=utcnow() - timedelta(hours=1),
    )  # fmt: skip


def test_every_end_is_told_once_and_a_second_end_again(world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    listens(world.archipel)
    listens(world.basalt)
    operation = order(world)
    ended = Operation.objects.filter(pk=operation.pk)
    assert tell_operations() == 0
    ended.update(state="failed", slot=None, finished_at=utcnow(), error_code="ERR_BROKEN", error_message="x")
    assert (tell_operations(), tell_operations()) == (1, 0)
    ended.update(state="succeeded", finished_at=utcnow(), error_code="")
    assert (tell_operations(), tell_operations()) == (1, 0)
    told = [json.loads(row.body) for row in WebhookDelivery.objects.order_by("id")]
    assert {row.tenant_id for row in WebhookDelivery.objects.all()} == {world.archipel.id}
    assert [one["type"] for one in told] == ["dev.nesoi.operation.ended"] * 2
    assert [one["data"]["state"] for one in told] == ["failed", "succeeded"]
    assert told[0]["data"]["error"]["code"] == "ERR_BROKEN"
    assert told[1]["data"]["error"] is None


def test_what_ended_before_anybody_listened_is_not_told(world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    operation = order(world)
    Operation.objects.filter(pk=operation.pk).update(
        state="cancelled", slot=None, finished_at=utcnow() - timedelta(hours=2)
    )
    listens(world.archipel)
    assert tell_operations() == 0
