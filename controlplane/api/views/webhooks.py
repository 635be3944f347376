"""Where a tenant, or the platform's own team, wants to be told: register an address, try it, take it away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes.webhook import (
    DELIVERY,
    WEBHOOK,
    WEBHOOK_CREATE,
    WEBHOOK_LIST,
    WEBHOOK_MADE,
    delivery_json,
    webhook_json,
)
from controlplane.api.views.base import ApiView
from controlplane.notices.models import Webhook
from controlplane.notices.webhook_standing import NOTHING, standing_of
from controlplane.notices.webhooks import (
    ping_webhook,
    register_webhook,
    remove_webhook,
    the_webhook,
    webhooks_of,
)


class WebhookList(ApiView):
    """Addresses of the tenant; for the platform's SREs, those that hear of the whole fleet."""

    @contract(
        operation_id="list_webhooks",
        summary="List webhooks",
        tag="webhooks",
        answers={200: WEBHOOK_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page."""
        rows = webhooks_of(actor_of(request))
        return Response(page(request, self.query, rows, _written))

    @contract(
        operation_id="create_webhook",
        summary="Register an address for events",
        tag="webhooks",
        answers={201: WEBHOOK_MADE},
        body=WEBHOOK_CREATE,
        problems=(403, 409),
    )
    def post(self, request: Request) -> Response:
        """Register it; the secret is in this answer only, so it takes no Idempotency-Key."""
        body, actor = self.body(request), actor_of(request)
        named = body.get("tenant", "")
        inside = actor.sees_every_tenant and not named
        row, secret = register_webhook(
            actor=actor, tenant=None if inside else scope.tenant_for_write(self.tenant, named), url=body["url"],
            kinds=body["kinds"], filters=body.get("filters", {}),
        )  # fmt: skip
        return Response({**webhook_json(row), "secret": secret}, status=201)


class WebhookDetail(ApiView):
    """One address."""

    @contract(
        operation_id="get_webhook",
        summary="Get a webhook",
        tag="webhooks",
        answers={200: WEBHOOK},
        problems=(403, 404),
    )
    def get(self, request: Request, webhook: str) -> Response:
        """Return it, without its secret, and how deliveries to it stand."""
        (told,) = _written([the_webhook(actor_of(request), scope.id_of("webhook", webhook))])
        return Response(told)

    @contract(
        operation_id="delete_webhook",
        summary="Remove a webhook",
        tag="webhooks",
        answers={200: WEBHOOK},
        problems=(403, 404),
    )
    def delete(self, request: Request, webhook: str) -> Response:
        """Remove it, with what is still on its way."""
        row = remove_webhook(actor=actor_of(request), webhook_id=scope.id_of("webhook", webhook))
        return Response(webhook_json(row))


class WebhookTest(ApiView):
    """A ping."""

    @contract(
        operation_id="test_webhook",
        summary="Send a ping to a webhook",
        tag="webhooks",
        answers={202: DELIVERY},
        problems=(403, 404),
        idempotent=True,
    )
    def post(self, request: Request, webhook: str) -> HttpResponse:
        """Queue a ping; a disabled address is tried again."""
        found = scope.id_of("webhook", webhook)

        def act() -> Answer:
            return Answer(202, delivery_json(ping_webhook(actor=actor_of(request), webhook_id=found)))

        return once(request, act)


def _written(rows: Sequence[Webhook]) -> list[dict[str, Any]]:
    standing = standing_of(row.pk for row in rows)
    return [webhook_json(row, standing.get(row.pk, NOTHING)) for row in rows]
