"""What can be done with webhooks: register an address, try it, take it away; and `emit` an event to those who listen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.db.models import QuerySet

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7
from controlplane.notices.webhook_filters import checked, wants
from controlplane.notices.webhook_models import Webhook, WebhookDelivery
from controlplane.notices.webhook_signing import envelope, new_secret
from controlplane.outbound.client import OutboundRefusedError, Policy, check_literal, check_url
from controlplane.sealing import seal
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Tenant
from controlplane.tenants.rights import require, seen_by

KINDS = {
    "usage.daily": "A day of usage, once it is over",
    "statement.sealed": "A sealed statement with its charges",
    "operation.ended": "An operation on a runtime of yours that succeeded, failed or was cancelled",
    "runtime.upgrade_planned": "Upgrades of runtimes of yours that a rollout brings, before the first begins",
    "runtime.upgraded": "An upgrade of a runtime that ended, with what changed",
    "rollout.changed": "A rollout with runtimes of yours that began, stopped, went on or ended",
    "rollout.gate": "A gate of a rollout with runtimes of yours that waits or opened",
}
FLEET_KINDS = (
    "operation.ended",
    "rollout.changed",
    "rollout.gate",
)  # what the platform's own team may hear of
NOBODY = UUID(int=0)
PING = "ping"
MOST = 10  # of one tenant, and of the platform's team
CONTEXT = "{tenant}|notices_webhook|{id}|sealed"
_QUEUE = """
INSERT INTO notices_webhook_delivery
    (id, tenant_id, webhook_id, kind, dedupe_key, body, state, attempts, next_at, last_error, created_at)
VALUES (%(id)s, %(tenant)s, %(webhook)s, %(kind)s, %(key)s, %(body)s, 'queued', 0, %(now)s, '', %(now)s)
ON CONFLICT (webhook_id, dedupe_key) DO NOTHING
"""


def policy() -> Policy:
    """Return which addresses may be called."""
    return Policy.read(
        private_networks=settings.OUTBOUND_PRIVATE_NETWORKS, plain_hosts=settings.OUTBOUND_PLAIN_HOSTS
    )


def webhooks_of(actor: Actor) -> QuerySet[Webhook]:
    """Return the actor's tenant's webhooks, or the platform's own; raises Refused forbidden."""
    owner = None if actor.sees_every_tenant else actor.tenant_id or NOBODY
    _may_manage(actor, owner)
    return Webhook.objects.filter(tenant=owner).select_related("tenant")


def latest_deliveries(actor: Actor, most: int) -> list[WebhookDelivery]:
    """Return what went to these addresses last, newest first, with the addresses; raises Refused forbidden."""
    addresses = list(webhooks_of(actor))
    found = WebhookDelivery.objects.filter(webhook__in=addresses).select_related("webhook").defer("body")
    return list(found.order_by("-id")[:most])


@transaction.atomic
def register_webhook(
    *,
    actor: Actor,
    tenant: Tenant | None,
    url: str,
    kinds: Sequence[str],
    filters: Mapping[str, Any] | None = None,
) -> tuple[Webhook, str]:
    """Register an address, and return its row and the secret, which is shown this once; without a tenant, the platform's.

    Raises Refused: forbidden 403, url_refused, kind_unknown, filter_invalid, too_many_webhooks 409, webhook_exists 409.
    """
    owner = tenant.id if tenant else None
    _may_manage(actor, owner)
    try:
        check_literal(check_url(url, policy()).hostname or "", policy())
    except OutboundRefusedError as error:
        raise Refused("url_refused", str(error), field="url") from error
    offered = KINDS if tenant else FLEET_KINDS
    if not kinds or not set(kinds) <= set(offered):
        raise Refused("kind_unknown", f"Name some of {', '.join(offered)}.", field="kinds")
    narrowed = checked(filters or {})
    if Webhook.objects.filter(tenant=owner).count() >= MOST:
        detail = f"There are {MOST} webhooks at most; remove one first."
        raise Refused("too_many_webhooks", detail, status=409)
    secret, row_id = new_secret(), uuid7()
    context = CONTEXT.format(tenant=owner, id=row_id)
    row = Webhook(
        id=row_id, tenant=tenant, url=url, kinds=sorted(set(kinds)), filters=narrowed, created_by=actor.name,
        sealed=seal(secret.encode(), context=context), created_at=utcnow(),
    )  # fmt: skip
    try:
        with transaction.atomic():
            row.save(force_insert=True)
    except IntegrityError as error:
        detail = "This address is registered already; remove it first to change what it gets."
        raise Refused("webhook_exists", detail, status=409) from error
    _recorded("webhook.register", actor, row)
    return row, secret


@transaction.atomic
def remove_webhook(*, actor: Actor, webhook_id: UUID) -> Webhook:
    """Take an address away, with what is still on its way to it, and return it; raises Refused webhook_not_found (404)."""
    row = the_webhook(actor, webhook_id)
    _recorded("webhook.remove", actor, row)
    Webhook.objects.filter(pk=row.pk).delete()
    return row


@transaction.atomic
def ping_webhook(*, actor: Actor, webhook_id: UUID) -> WebhookDelivery:
    """Send a ping on its way, and let a disabled address be tried again; raises Refused webhook_not_found (404)."""
    row = the_webhook(actor, webhook_id)
    Webhook.objects.filter(pk=row.pk).update(disabled_at=None)
    now = utcnow()
    hello = row.tenant.slug if row.tenant else "platform"
    delivery_id = _queue(row, PING, "ping", {"hello": hello}, key=f"ping:{now.isoformat()}", now=now)
    _recorded("webhook.test", actor, row)
    return WebhookDelivery.objects.get(pk=delivery_id)


@transaction.atomic
def emit(
    *,
    tenant_id: UUID | None,
    kind: str,
    subject: str,
    data: Any,
    dedupe_key: str,
    facts: Mapping[str, str] | None = None,
) -> int:
    """Queue an event for every address of the tenant (None: of the platform's team) that listens; return for how many.

    In the caller's transaction. With a known `dedupe_key` nothing is queued again, whatever the data. `facts` is what filters
    look at: see `webhook_filters.WORDS`.
    """
    now = utcnow()
    listening = Webhook.objects.filter(tenant=tenant_id, kinds__contains=[kind], disabled_at=None)
    meant = [row for row in listening if wants(row.filters, facts or {})]
    for row in meant:
        _queue(row, kind, subject, data, key=dedupe_key, now=now)
    return len(meant)


def _queue(row: Webhook, kind: str, subject: str, data: Any, *, key: str, now: datetime) -> UUID:
    message = uuid7()
    body = envelope(
        message_id=str(message), kind=kind, tenant=str(row.tenant_id) if row.tenant_id else None, subject=subject,
        at=now, data=data,
    )  # fmt: skip
    values: dict[str, Any] = {
        "id": message,
        "tenant": row.tenant_id,
        "webhook": row.pk,
        "kind": kind,
        "key": key,
        "body": body,
        "now": now,
    }
    with connection.cursor() as cursor:
        cursor.execute(_QUEUE, values)
    return message


def the_webhook(actor: Actor, webhook_id: UUID) -> Webhook:
    """Return a webhook of the actor's tenant; raises Refused webhook_not_found 404, forbidden 403."""
    row: Webhook | None = (
        seen_by(actor, Webhook.objects.select_related("tenant")).filter(pk=webhook_id).first()
    )
    if row is None:
        raise Refused("webhook_not_found", f"There is no webhook {webhook_id} in your tenant.", status=404)
    _may_manage(actor, row.tenant_id)
    return row


def _may_manage(actor: Actor, tenant_id: UUID | None) -> None:
    if tenant_id is not None:
        require(actor, Permission.WEBHOOK_MANAGE, tenant_id=tenant_id)
    elif not (actor.sees_every_tenant and actor.may(Permission.ROLLOUT_MANAGE)):
        detail = "Only the platform's SREs and admins say where events of the whole fleet are sent."
        raise Refused("forbidden", detail, status=403)


def _recorded(action: str, actor: Actor, row: Webhook) -> None:
    changes = {"url": row.url, "kinds": row.kinds, **({"filters": row.filters} if row.filters else {})}
    audit.record(
        action, actor=actor, tenant_id=row.tenant_id, target_type="webhook", target_id=row.id, changes=changes
    )
