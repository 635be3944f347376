"""The platform's own team hears of the whole fleet, narrowed as it wishes; tenants hear nothing more by that."""

from __future__ import annotations

import json
from typing import Any

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.notices.webhooks import ping_webhook, register_webhook, remove_webhook, webhooks_of
from provisioner.lifecycle.operation_events import tell_operations
from provisioner.operations.models import Operation
from provisioner.rollouts.services import create_rollout, pause_rollout, start_rollout
from tests.rolling_out import NEW, fleet, no_gates
from tests.signed_in import browse, hidden_value, text
from tests.world import World, order

pytestmark = pytest.mark.django_db
EVERY = ["operation.ended", "rollout.changed", "rollout.gate"]


def listens(world: World, **filters: list[str]) -> Webhook:
    wish: dict[str, Any] = {"tenant": None, "url": "https://pager.example.org/x", "kinds": EVERY}
    return register_webhook(actor=world.sam.actor, filters=filters, **wish)[0]


def told() -> list[dict[str, Any]]:
    return [json.loads(one.body) for one in WebhookDelivery.objects.order_by("id")]


def test_a_rollout_that_stops_is_told_with_its_reason_and_by_whom(world: World) -> None:
    fleet(world.shop, [world.landscape], 2)
    listens(world, state=["paused", "halted"])
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    pause_rollout(actor=world.sam.actor, rollout_id=made.pk, reason="odd graphs")
    (event,) = told()
    assert (event["source"], event["type"]) == ("/platform", "dev.nesoi.rollout.changed")
    data = event["data"]
    assert (data["name"], data["state"], data["reason"], data["by"]) == (
        "October", "paused", "odd graphs", world.sam.actor.name
    )  # fmt: skip


def test_operations_of_every_tenant_are_told_once_and_those_that_nobody_wants_hide_none(world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    hook = listens(world, state=["failed"], operation=["provision"], tenant=["archipel"])
    Webhook.objects.filter(pk=hook.pk).update(created_at="2026-01-01T00:00:00Z")
    good, bad = order(world, name="good"), order(world, name="bad")
    closed = {"slot": None, "finished_at": utcnow()}
    Operation.objects.filter(pk=good.pk).update(state="succeeded", **closed)
    Operation.objects.filter(pk=bad.pk).update(state="failed", error_code="ERR_BROKEN", **closed)
    assert (tell_operations(), tell_operations()) == (1, 0)
    (event,) = told()
    assert event["data"]["runtime"]["name"] == "bad"
    assert (event["data"]["tenant"], event["data"]["landscape"]) == ("archipel", "embedded")


@pytest.mark.parametrize(
    ("change", "code", "said"),
    [
        ({"filters": {"stat": ["failed"]}}, "filter_invalid", "Did you mean state"),
        ({"filters": {"state": ["faild"]}}, "filter_invalid", "Did you mean failed"),
        ({"filters": {"tenant": "archipel"}}, "filter_invalid", "must be a list"),
        ({"kinds": ["usage.daily"]}, "kind_unknown", "rollout.changed"),
        ({"url": "http://10.0.0.1/"}, "url_refused", "https"),
    ],
)
def test_what_can_not_be_listened_to_is_refused(
    world: World, change: dict[str, Any], code: str, said: str
) -> None:
    wish: dict[str, Any] = {"tenant": None, "url": "https://pager.example.org/x", "kinds": EVERY}
    with pytest.raises(Refused) as refusal:
        register_webhook(actor=world.sam.actor, **{**wish, **change})
    assert refusal.value.code == code
    assert said in refusal.value.detail


def test_only_those_who_steer_rollouts_say_where(world: World) -> None:
    hook = listens(world)
    for person, code in ((world.alice, "webhook_not_found"), (world.vera, "webhook_not_found")):
        with pytest.raises(Refused) as refusal:
            remove_webhook(actor=person.actor, webhook_id=hook.pk)
        assert refusal.value.code == code
    with pytest.raises(Refused):
        register_webhook(actor=world.alice.actor, tenant=None, url="https://x.example.org/", kinds=EVERY)
    assert hook not in webhooks_of(world.alice.actor)
    assert json.loads(ping_webhook(actor=world.sam.actor, webhook_id=hook.pk).body)["data"] == {
        "hello": "platform"
    }
    remove_webhook(actor=world.sam.actor, webhook_id=hook.pk)
    assert not Webhook.objects.exists()


def test_an_sre_adds_tests_and_removes_one_on_its_page(world: World) -> None:
    sre = browse(world.sam)
    assert "Nobody is told yet" in text(sre.get("/fleet/webhooks"))
    wish = {"url": "https://pager.example.org/x", "kinds": EVERY, "filters.state": "failed, halted"}
    refused = sre.post("/fleet/webhooks", {**wish, "filters.state": "faild"})
    assert refused.status_code == 422
    assert "Did you mean failed" in text(refused)
    made = sre.post("/fleet/webhooks", wish)
    assert "whsec_" in text(made)
    row = Webhook.objects.get()
    assert row.filters == {"state": ["failed", "halted"]}
    assert hidden_value(sre.get("/fleet/webhooks"), "csrfmiddlewaretoken")
    page = text(sre.post(f"/fleet/webhooks/{row.pk}/test", follow=True))
    assert "only state failed, halted" in page
    assert "On its way" in page
    sre.post(f"/fleet/webhooks/{row.pk}/remove")
    assert not Webhook.objects.exists()
