"""The fleet's releases: the version histogram, who is left behind and why, waivers, and the emergency stop."""

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
from controlplane.api.moments import moment_in
from controlplane.api.parameters import PAGES, Parameter
from controlplane.api.shapes.fleet import (
    CHAINS,
    LEFT_LIST,
    STOP,
    STOP_ASKED,
    VERSIONS,
    WAIVER,
    WAIVER_CREATE,
    WAIVER_LIST,
    chain_json,
    left_json,
    stop_json,
    version_json,
    waiver_json,
)
from controlplane.api.views.base import ApiView
from controlplane.tenants.addresses import base_of
from provisioner.rollouts import listing, services, why_not

WAIVED = Parameter("waived", "Only those that somebody answers for, or only the others.", {"type": "boolean"})
RELEASE = Parameter("release", "Only those on this release.")
REASON = Parameter("reason", "Why, for the audit trail.", {"type": "string", "maxLength": 300})


class FleetVersions(ApiView):
    """The version histogram."""

    @contract(
        operation_id="read_fleet_versions",
        summary="Read how many runtimes are on each release",
        of_no_tenant=True,
        tag="fleet",
        answers={200: VERSIONS},
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return every release that runs somewhere, with its age and end of life."""
        found = why_not.version_histogram(actor=actor_of(request))
        return Response({"results": [version_json(one) for one in found]})


class LeftBehind(ApiView):
    """Who is left behind."""

    @contract(
        operation_id="list_left_behind",
        summary="List runtimes that are left behind",
        tag="fleet",
        answers={200: LEFT_LIST},
        query=(RELEASE, WAIVED, *PAGES),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return runtimes that their channel, or every one, has left behind, what the newest rollout said, and who answers."""
        actor, query, base = actor_of(request), self.query, base_of(request)
        waived = query.flag("waived") if query.text("waived") else None

        def ask(key: list[Any] | None, limit: int) -> list[dict[str, Any]]:
            after = UUID(key[0]) if key else None
            return why_not.left_behind(
                actor=actor, release=query.text("release"), waived=waived, after=after, limit=limit
            )

        return Response(
            keyed_page(
                request, query, (UUID,), ask=ask, key=lambda row: [row["id"]],
                write=lambda found: [left_json(row, base=base) for row in found],
            )
        )  # fmt: skip


class WaiverList(ApiView):
    """Who answers for whom."""

    @contract(
        operation_id="list_waivers",
        summary="List waivers",
        tag="fleet",
        answers={200: WAIVER_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page of those in force."""
        actor, base = actor_of(request), base_of(request)

        def ask(key: list[Any] | None, limit: int) -> list[Any]:
            return listing.waivers_in_force(actor=actor, before=key[0] if key else None, limit=limit)

        return Response(
            keyed_page(
                request, self.query, (int,), ask=ask, key=lambda row: [row.pk],
                write=lambda found: [waiver_json(row, base=base) for row in found],
            )
        )  # fmt: skip

    @contract(
        operation_id="create_waiver",
        summary="Let a runtime stay behind",
        of_no_tenant=True,
        tag="fleet",
        answers={201: WAIVER},
        body=WAIVER_CREATE,
        problems=(403, 404),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Let it stay in somebody's name until a day; it takes the place of an earlier waiver."""
        actor, base, body = actor_of(request), base_of(request), self.body(request)
        given = {**body, "expires_at": moment_in(body, "expires_at")}
        runtime_id = scope.id_of("runtime", given.pop("runtime"))

        def act() -> Answer:
            made = services.waive_runtime(actor=actor, runtime_id=runtime_id, **given)
            return Answer(201, waiver_json(made, base=base))

        return once(request, act)


class WaiverDetail(ApiView):
    """One waiver."""

    @contract(
        operation_id="delete_waiver",
        summary="Take a waiver back",
        of_no_tenant=True,
        tag="fleet",
        answers={200: WAIVER},
        problems=(403, 404),
        idempotent=True,
    )
    def delete(self, request: Request, waiver: str) -> HttpResponse:
        """Take it back: the runtime is left behind without anybody who answers."""
        actor, base, number = actor_of(request), base_of(request), scope.number_of("waiver", waiver)

        def act() -> Answer:
            revoked = services.revoke_waiver(actor=actor, waiver_id=number)
            return Answer(200, waiver_json(revoked, base=base))

        return once(request, act)


class FleetStop(ApiView):
    """The emergency stop."""

    @contract(
        operation_id="read_emergency_stop",
        summary="Read how the emergency stop stands",
        of_no_tenant=True,
        tag="fleet",
        answers={200: STOP},
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return whether it is engaged, by whom and why."""
        return Response(stop_json(listing.engaged_stop(actor=actor_of(request))))

    @contract(
        operation_id="engage_emergency_stop",
        summary="Stop every rollout",
        of_no_tenant=True,
        tag="fleet",
        answers={200: STOP},
        body=STOP_ASKED,
        problems=(403,),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Pause every rollout; none starts or goes on until it is released. What runs may end."""
        actor, reason = actor_of(request), self.body(request)["reason"]

        def act() -> Answer:
            return Answer(200, stop_json(services.stop_everything(actor=actor, reason=reason)))

        return once(request, act)

    @contract(
        operation_id="release_emergency_stop",
        summary="Release the emergency stop",
        of_no_tenant=True,
        tag="fleet",
        answers={200: STOP},
        query=(REASON,),
        problems=(403, 409),
        idempotent=True,
    )
    def delete(self, request: Request) -> HttpResponse:
        """Let rollouts be resumed, one by one: none goes on by itself."""
        actor, reason = actor_of(request), self.query.text("reason")

        def act() -> Answer:
            return Answer(200, stop_json(services.release_stop(actor=actor, reason=reason)))

        return once(request, act)


class RuntimeWhyNot(ApiView):
    """Why a runtime is not upgraded."""

    @contract(
        operation_id="read_why_not",
        summary="Read why a runtime is not upgraded",
        tag="runtimes",
        answers={200: CHAINS},
        problems=(404,),
    )
    def get(self, request: Request, runtime: str) -> Response:
        """Return what the newest rollouts say of it; a tenant's people see what concerns them."""
        actor, base = actor_of(request), base_of(request)
        found = why_not.why_not(actor=actor, runtime_id=scope.id_of("runtime", runtime))
        inside = actor.sees_every_tenant
        return Response({"results": [chain_json(one, inside=inside, base=base) for one in found]})
