"""A tenant reads of its webhooks whether events arrive, since when they don't and why, and when the next is tried."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.notices import webhook_delivery
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.notices.webhook_delivery import deliver_webhooks
from controlplane.notices.webhooks import ping_webhook, register_webhook
from controlplane.outbound.client import NoAnswerError
from controlplane.tenants.isolation.roles import WORKER
from tests.api.asking import Asking, problem, read
from tests.database_roles import acting_as
from tests.world import World

pytestmark = pytest.mark.django_db
NEW = {
    "last_delivered_at": None, "failing_since": None, "last_error": "", "last_status": None, "next_try_at": None,
    "waiting": 0, "given_up": 0,
}  # fmt: skip


@pytest.fixture
def hook(world: World) -> Webhook:
    url, kinds = "https://example.org/x", ["usage.daily"]
    return register_webhook(actor=world.alice.actor, tenant=world.archipel, url=url, kinds=kinds)[0]


def standing(person: Asking, hook: Webhook) -> dict[str, Any]:
    told: dict[str, Any] = read(person.get(f"/webhooks/{hook.pk}"))["deliveries"]
    (listed,) = read(person.get("/webhooks"))["results"]
    assert listed["deliveries"] == told
    return told


def event(world: World, hook: Webhook, **fields: Any) -> WebhookDelivery:
    row = ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    WebhookDelivery.objects.filter(pk=row.pk).update(**fields)
    row.refresh_from_db()
    return row


def ago(**since: float) -> datetime:
    return utcnow() - timedelta(**since)


def test_an_address_that_was_told_nothing_stands_as_new(alice: Asking, hook: Webhook) -> None:
    assert standing(alice, hook) == NEW


def test_one_that_does_not_answer_says_so_with_its_next_try(
    alice: Asking, world: World, hook: Webhook, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise NoAnswerError("example.org does not answer")

    monkeypatch.setattr(webhook_delivery, "fetch", silent)
    row = event(world, hook)
    with acting_as(WORKER):
        assert deliver_webhooks() == 1
    row.refresh_from_db()
    assert standing(alice, hook) == NEW | {
        "failing_since": rfc3339(row.created_at),
        "last_error": "example.org does not answer",
        "next_try_at": rfc3339(row.next_at),
        "waiting": 1,
    }


def test_what_was_given_up_fails_until_something_arrives(alice: Asking, world: World, hook: Webhook) -> None:
    first = event(
        world,
        hook,
        state="failed",
        created_at=ago(hours=30),
        last_error="The address answered 500.",
        last_status=500,
    )
    event(
        world,
        hook,
        state="failed",
        created_at=ago(hours=20),
        last_error="The address answered 502.",
        last_status=502,
    )
    found = standing(alice, hook)
    assert (found["failing_since"], found["given_up"]) == (rfc3339(first.created_at), 2)
    assert (found["last_error"], found["last_status"]) == ("The address answered 502.", 502)
    arrived = event(world, hook, state="sent", sent_at=ago(hours=1), last_status=204)
    assert standing(alice, hook) == NEW | {"last_delivered_at": rfc3339(arrived.sent_at), "given_up": 2}
    again = event(
        world, hook, created_at=ago(hours=2), last_error="The address answered 503.", last_status=503
    )
    assert standing(alice, hook)["failing_since"] == rfc3339(again.created_at), "another event is still tried"


def test_nobody_reads_how_anothers_stand(world: World, hook: Webhook) -> None:
    event(world, hook, last_error="secret host")
    assert problem(Asking(world.bob).get(f"/webhooks/{hook.pk}")) == (404, "webhook_not_found")
    assert read(Asking(world.bob).get("/webhooks"))["results"] == []
