"""Tenants are told of days and statements: signed, once, again where they did not answer, never inside a private network."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
import time_machine

from billing.exports.announcing import announce
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.models import Webhook, WebhookDelivery
from controlplane.notices.retention import prune
from controlplane.notices.webhook_delivery import ATTEMPTS, deliver_webhooks
from controlplane.notices.webhook_signing import headers_of
from controlplane.notices.webhooks import emit, ping_webhook, register_webhook, remove_webhook
from controlplane.tenants.isolation.roles import WORKER
from controlplane.tenants.models import AuditEvent
from tests.database_roles import acting_as
from tests.months import CORE_HOUR, JUNE, begin, runtime, sealed, use
from tests.world import World

pytestmark = pytest.mark.django_db
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)


class Listener:
    """A server that keeps what it was told, and answers as it is told to."""

    def __init__(self) -> None:
        self.told: list[tuple[dict[str, str], bytes]] = []
        self.status = 204
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                listener.told.append(({name.lower(): value for name, value in self.headers.items()}, body))
                self.send_response(listener.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Say nothing."""

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.server.server_port}"


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with time_machine.travel(NOVEMBER, tick=True):
        yield


@pytest.fixture
def listener(settings: Any) -> Iterator[Listener]:
    found = Listener()
    settings.OUTBOUND_PRIVATE_NETWORKS = ["127.0.0.0/8"]
    settings.OUTBOUND_PLAIN_HOSTS = [found.host]
    yield found
    found.server.shutdown()
    found.server.server_close()


def register(world: World, listener: Listener, *kinds: str) -> tuple[Webhook, str]:
    return register_webhook(
        actor=world.alice.actor,
        tenant=world.archipel,
        url=f"http://{listener.host}/x",
        kinds=list(kinds or ("usage.daily",)),
    )


def test_a_ping_arrives_signed(world: World, listener: Listener) -> None:
    hook, secret = register(world, listener)
    row = ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    with acting_as(WORKER):
        assert deliver_webhooks() == 1
    ((headers, body),) = listener.told
    at = datetime.fromtimestamp(int(headers["webhook-timestamp"]), UTC)
    assert headers_of(secret, str(row.pk), at, body)["webhook-signature"] == headers["webhook-signature"]
    assert headers["content-type"].startswith("application/cloudevents+json")
    assert json.loads(body)["type"] == "dev.nesoi.ping"
    row.refresh_from_db()
    assert (row.state, row.last_status) == ("sent", 204)
    assert secret.encode() not in bytes(hook.sealed)


def test_what_is_not_answered_is_tried_again_with_the_same_id_then_is_a_dead_letter(
    world: World, listener: Listener
) -> None:
    hook, _ = register(world, listener)
    row = ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    listener.status = 500
    deliver_webhooks()
    assert deliver_webhooks() == 0, "not before its pause is over"
    waits = []
    for _ in range(ATTEMPTS - 1):
        row.refresh_from_db()
        waits.append(row.next_at - utcnow())
        WebhookDelivery.objects.update(next_at=utcnow())
        deliver_webhooks()
    row.refresh_from_db()
    assert (row.state, row.attempts, row.last_status) == ("failed", ATTEMPTS, 500)
    assert len({headers["webhook-id"] for headers, _ in listener.told}) == 1
    assert len(listener.told) == ATTEMPTS
    assert waits[0] < waits[3] < waits[-1] <= timedelta(hours=4)


def test_an_address_that_is_gone_is_told_no_more(world: World, listener: Listener) -> None:
    hook, _ = register(world, listener)
    ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    listener.status = 410
    deliver_webhooks()
    assert WebhookDelivery.objects.get().state == "failed"
    whom: dict[str, Any] = {"tenant_id": world.archipel.pk, "kind": "usage.daily", "subject": "x", "data": {}}
    assert emit(**whom, dedupe_key="x") == 0
    ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    assert emit(**whom, dedupe_key="x") == 1


def test_an_address_inside_is_never_called(world: World, listener: Listener, settings: Any) -> None:
    hook, _ = register(world, listener)
    ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    settings.OUTBOUND_PRIVATE_NETWORKS = []
    deliver_webhooks()
    assert not listener.told
    assert "private network" in WebhookDelivery.objects.get().last_error


def test_days_and_statements_are_told_once(world: World, listener: Listener) -> None:
    begin()
    register(world, listener, "usage.daily", "statement.sealed")
    use(runtime(), world.shop, date(2026, 11, 18), days=2, vcpu=CORE_HOUR)
    use(runtime(), world.main, date(2026, 11, 18), vcpu=CORE_HOUR)
    use(runtime(), world.shop, JUNE, vcpu=CORE_HOUR)
    statement = sealed(world.archipel, JUNE, now=NOVEMBER)
    for _ in range(2):
        announce()
        deliver_webhooks()
    events = [json.loads(body) for _, body in listener.told]
    days = sorted(event["subject"] for event in events if event["type"].endswith("usage.daily"))
    assert days == ["2026-11-18", "2026-11-19"]
    rows = [event["data"]["usage"] for event in events if event["type"].endswith("daily")]
    told_of = ("quantity", "quantity_unit", "units", "unit")
    assert [[tuple(row[name] for name in told_of) for row in one] for one in rows] == [
        [(CORE_HOUR, "millicores x seconds", "1", "Core-Hours")]
    ] * 2
    (told,) = [event["data"] for event in events if event["type"].endswith("sealed")]
    assert (told["statement"], told["month"], told["complete"]) == (str(statement.pk), "2026-06", True)
    assert len(told["charges"]) == statement.charges_count
    assert len(events) == 3


def test_what_was_told_is_forgotten_after_its_days_and_what_still_waits_is_not(
    world: World, listener: Listener, settings: Any
) -> None:
    settings.WEBHOOK_DAYS = 20
    hook, _ = register(world, listener)
    with time_machine.travel(NOVEMBER - timedelta(days=21)):
        ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
        deliver_webhooks()
    with time_machine.travel(NOVEMBER - timedelta(days=21, hours=1)):
        waits = ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    with time_machine.travel(NOVEMBER - timedelta(days=13)):
        told = ping_webhook(actor=world.alice.actor, webhook_id=hook.pk)
        WebhookDelivery.objects.filter(pk=told.pk).update(state="sent")
    with acting_as(WORKER):
        assert prune() == 1
    assert set(WebhookDelivery.objects.values_list("pk", flat=True)) == {waits.pk, told.pk}
    settings.WEBHOOK_DAYS = 1
    assert prune() == 0, "who announces looks back a week: two weeks are kept whatever is set"


def test_another_tenant_is_told_nothing(world: World, listener: Listener) -> None:
    register(world, listener)
    assert emit(tenant_id=world.basalt.pk, kind="usage.daily", subject="x", data={}, dedupe_key="x") == 0


@pytest.mark.parametrize(
    ("url", "kinds", "code"),
    [
        ("http://example.org/x", ["usage.daily"], "url_refused"),
        ("https://user:pw@example.org/", ["usage.daily"], "url_refused"),
        ("https://169.254.169.254/x", ["usage.daily"], "url_refused"),
        ("https://[::ffff:10.0.0.1]/x", ["usage.daily"], "url_refused"),
        ("https://example.org/x", ["runtime.exploded"], "kind_unknown"),
        ("https://example.org/x", [], "kind_unknown"),
        ("https://example.org/taken", ["usage.daily"], "webhook_exists"),
    ],
)
def test_what_can_not_be_told_is_refused(world: World, url: str, kinds: list[str], code: str) -> None:
    known = "https://example.org/taken"
    register_webhook(actor=world.alice.actor, tenant=world.archipel, url=known, kinds=["usage.daily"])
    with pytest.raises(Refused) as refusal:
        register_webhook(actor=world.alice.actor, tenant=world.archipel, url=url, kinds=kinds)
    assert refusal.value.code == code


def test_only_admins_of_the_tenant_say_where(world: World, listener: Listener) -> None:
    hook, _ = register(world, listener)
    for person, code in ((world.vera, "forbidden"), (world.bob, "webhook_not_found")):
        with pytest.raises(Refused) as refusal:
            remove_webhook(actor=person.actor, webhook_id=hook.pk)
        assert refusal.value.code == code
    remove_webhook(actor=world.alice.actor, webhook_id=hook.pk)
    assert not Webhook.objects.exists()
    assert AuditEvent.objects.filter(action__startswith="webhook.").count() == 2
