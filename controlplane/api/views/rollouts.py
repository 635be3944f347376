"""Rollouts: what there is, what one would do, a draft, and how one stands."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.keysets import keyed_page
from controlplane.api.parameters import PAGES, Parameter
from controlplane.api.shapes.rollout import ROLLOUT, ROLLOUT_LIST, STATES, rollout_json, rollout_short
from controlplane.api.shapes.rollout_target import (
    FEED,
    TARGET_LIST,
    TARGET_STATES,
    feed_json,
    target_json,
)
from controlplane.api.shapes.rollout_wish import PREVIEW, PREVIEW_ASKED, ROLLOUT_CREATE, preview_json
from controlplane.api.views.base import ApiView
from controlplane.tenants.access import Actor
from controlplane.tenants.addresses import base_of
from provisioner.rollouts import reading, services
from provisioner.rollouts.listing import with_landscapes
from provisioner.rollouts.plan import MOST_STAGES

STATE = Parameter("state", "Only this state.", {"type": "string", "enum": STATES})
RELEASE = Parameter("release", "Only to this release.")
NARROWED = (
    Parameter("state", "Only this state.", {"type": "string", "enum": TARGET_STATES}),
    Parameter("stage", "Only this stage, by its position.", {"type": "integer", "minimum": 0, "maximum": MOST_STAGES}),
    Parameter("reason", "Only this reason's code."),
    Parameter("signature", "Only failures of this cause: a code and its step, or the code alone."),
    Parameter("tenant", "Only this tenant's, by its slug."),
    Parameter("region", "Only in this region."),
    Parameter("landscape", "Only on this landscape."),
    Parameter("q", "Only names of which a word begins so."),
)  # fmt: skip
AFTER = Parameter("after", "Only what changed behind this moment.", {"type": "string", "format": "date-time"})


def rollout_again(actor: Actor, rollout_id: UUID, *, base: str) -> dict[str, Any]:
    """Return a rollout as it stands."""
    return rollout_json(reading.read_rollout(actor=actor, rollout_id=rollout_id), base=base)


class RolloutList(ApiView):
    """Every rollout."""

    @contract(
        operation_id="list_rollouts",
        summary="List rollouts",
        of_no_tenant=True,
        tag="rollouts",
        answers={200: ROLLOUT_LIST},
        query=(STATE, RELEASE, *PAGES),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page; for the platform's team."""
        actor, query, base = actor_of(request), self.query, base_of(request)
        state, release = query.one("state", allowed=STATES), query.text("release")

        def ask(key: list[Any] | None, limit: int) -> list[reading.Listed]:
            before = UUID(key[0]) if key else None
            return reading.list_rollouts(
                actor=actor, state=state, release=release, before=before, limit=limit
            )

        return Response(
            keyed_page(
                request, query, (UUID,), ask=ask, key=lambda one: [one.rollout.pk],
                write=lambda found: [rollout_short(one, base=base) for one in found],
            )
        )  # fmt: skip

    @contract(
        operation_id="create_rollout",
        summary="Draft a rollout",
        of_no_tenant=True,
        tag="rollouts",
        answers={201: ROLLOUT},
        body=ROLLOUT_CREATE,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Write it down; nothing happens until it starts. What a start would be refused for is refused now."""
        actor, base, body = actor_of(request), base_of(request), self.body(request)

        def act() -> Answer:
            made = services.create_rollout(actor=actor, **body)
            return Answer(201, rollout_again(actor, made.pk, base=base))

        return once(request, act)


class RolloutPreview(ApiView):
    """What one would do."""

    @contract(
        operation_id="preview_rollout",
        summary="Say what a rollout would do",
        of_no_tenant=True,
        tag="rollouts",
        answers={200: PREVIEW},
        body=PREVIEW_ASKED,
        problems=(403, 404, 409),
    )
    def post(self, request: Request) -> Response:
        """Return order, blast radius, windows, who can't come along and the expected end; nothing is written."""
        body = {"plan": {}, **self.body(request)}
        body.pop("priority", None)
        return Response(preview_json(services.preview_rollout(actor=actor_of(request), **body)))


class RolloutDetail(ApiView):
    """One rollout."""

    @contract(
        operation_id="read_rollout",
        summary="Read a rollout",
        of_no_tenant=True,
        tag="rollouts",
        answers={200: ROLLOUT},
        problems=(403, 404),
    )
    def get(self, request: Request, rollout: str) -> Response:
        """Return it with stages, gates, the burn of its failure budget, errors by cause, and when it will be done."""
        found = scope.id_of("rollout", rollout)
        return Response(rollout_again(actor_of(request), found, base=base_of(request)))


class RolloutTargets(ApiView):
    """Its runtimes."""

    @contract(
        operation_id="list_rollout_targets",
        summary="List a rollout's targets",
        tag="rollouts",
        answers={200: TARGET_LIST},
        query=(*NARROWED, *PAGES),
        problems=(403, 404),
    )
    def get(self, request: Request, rollout: str) -> Response:
        """Return one page in the rollout's order."""
        actor, query, base = actor_of(request), self.query, base_of(request)
        rollout_id = scope.id_of("rollout", rollout)
        narrowed = reading.TargetFilter(
            state=query.one("state", allowed=TARGET_STATES),
            stage=query.number("stage", most=MOST_STAGES),
            reason_code=query.text("reason"),
            signature=query.text("signature"),
            tenant=query.text("tenant"),
            region=query.text("region"),
            landscape=query.text("landscape"),
            search=query.text("q"),
        )

        def ask(key: list[Any] | None, limit: int) -> list[Any]:
            after = key[0] if key else -1
            return reading.list_targets(
                actor=actor, rollout_id=rollout_id, narrowed=narrowed, after=after, limit=limit
            )

        return Response(
            keyed_page(
                request, query, (int,), ask=ask, key=lambda one: [one.position],
                write=lambda found: [target_json(one, base=base) for one in with_landscapes(found)],
            )
        )  # fmt: skip


class RolloutFeed(ApiView):
    """What changed last."""

    @contract(
        operation_id="read_rollout_feed",
        summary="Read what changed last in a rollout",
        tag="rollouts",
        answers={200: FEED},
        query=(AFTER, PAGES[0]),
        problems=(403, 404),
    )
    def get(self, request: Request, rollout: str) -> Response:
        """Return the targets that changed last, newest first."""
        base, limit = base_of(request), self.query.limit()
        found = reading.read_feed(
            actor=actor_of(request), rollout_id=scope.id_of("rollout", rollout), since=self.query.moment("after"),
            limit=limit,
        )  # fmt: skip
        return Response({"results": [feed_json(one, base=base) for one in found]})
