"""Findings: what breaks the platform's rules in a runtime, who answers for it, and the fleet's groups."""

from __future__ import annotations

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.moments import moment_in
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, Parameter
from controlplane.api.shapes.finding import (
    FINDINGS,
    FLEET_FINDING_LIST,
    GROUPS,
    RULES,
    WAIVER,
    WAIVER_CREATE,
    fleet_finding_json,
    group_json,
    standing_json,
    waiver_json,
)
from controlplane.api.views.base import ApiView
from controlplane.tenants.access import Actor
from controlplane.tenants.addresses import base_of
from provisioner.findings import reading, waiving
from provisioner.runtimes.models import Runtime

RULE = Parameter("rule", "Only of this rule.", {"type": "string", "enum": RULES})


def _standing(actor: Actor, runtime: str) -> dict[str, object]:
    row: Runtime = scope.found("runtime", runtime, scope.runtimes(actor))
    return standing_json(reading.standing_of(row))


class RuntimeFindings(ApiView):
    """What was found in one runtime."""

    @contract(
        operation_id="list_runtime_findings",
        summary="List a runtime's findings",
        tag="runtimes",
        answers={200: FINDINGS},
        problems=(404,),
    )
    def get(self, request: Request, runtime: str) -> Response:
        """Return every finding with its remedy and who answers for it, on one page."""
        return Response(_standing(actor_of(request), runtime))


class RuntimeLook(ApiView):
    """Look now."""

    @contract(
        operation_id="look_at_runtime",
        summary="Look for findings now",
        tag="runtimes",
        answers={202: FINDINGS},
        problems=(403, 404),
    )
    def post(self, request: Request, runtime: str) -> Response:
        """Look within seconds instead of in its turn; the answer is what is known until then."""
        actor = actor_of(request)
        waiving.look_again(actor=actor, runtime_id=scope.id_of("runtime", runtime))
        return Response(_standing(actor, runtime), status=202)


class RuntimeFindingWaivers(ApiView):
    """Who answers for a runtime's findings."""

    @contract(
        operation_id="waive_finding",
        summary="Waive a finding",
        of_no_tenant=True,
        tag="fleet",
        answers={201: WAIVER},
        body=WAIVER_CREATE,
        problems=(403, 404),
        idempotent=True,
    )
    def post(self, request: Request, runtime: str) -> HttpResponse:
        """Let upgrades go on in somebody's name until a day; it takes the place of an earlier waiver."""
        actor, body = actor_of(request), self.body(request)
        given = {**body, "expires_at": moment_in(body, "expires_at"), "place": body.get("object", "")}
        given.pop("object", None)
        runtime_id = scope.found("runtime", runtime, scope.runtimes(actor)).pk

        def act() -> Answer:
            made = waiving.waive_finding(actor=actor, runtime_id=runtime_id, **given)
            return Answer(201, waiver_json(made))

        return once(request, act)


class RuntimeFindingWaiver(ApiView):
    """One waiver."""

    @contract(
        operation_id="revoke_finding_waiver",
        summary="Take a finding's waiver back",
        of_no_tenant=True,
        tag="fleet",
        answers={200: FINDINGS},
        problems=(403, 404),
    )
    def delete(self, request: Request, runtime: str, waiver: str) -> Response:
        """Take it back; the answer is the runtime's findings as they stand."""
        actor = actor_of(request)
        row = scope.found("runtime", runtime, scope.runtimes(actor))
        waiving.revoke_finding_waiver(actor=actor, runtime_id=row.pk, waiver_id=scope.id_of("waiver", waiver))
        return Response(_standing(actor, runtime))


class FleetFindingGroups(ApiView):
    """The fleet's findings by rule."""

    @contract(
        operation_id="group_fleet_findings",
        summary="Count the fleet's findings by rule",
        of_no_tenant=True,
        tag="fleet",
        answers={200: GROUPS},
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return the groups, the worst first; for the platform's team."""
        return Response(
            {"results": [group_json(one) for one in reading.fleet_groups(actor=actor_of(request))]}
        )


class FleetFindings(ApiView):
    """The fleet's findings one by one."""

    @contract(
        operation_id="list_fleet_findings",
        summary="List the fleet's findings",
        tag="fleet",
        answers={200: FLEET_FINDING_LIST},
        query=(RULE, *PAGES),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first; for the platform's team."""
        query, base = self.query, base_of(request)
        rows = reading.fleet_findings(actor=actor_of(request), rule=query.one("rule", allowed=RULES))
        return Response(
            page(request, query, rows, lambda found: [fleet_finding_json(one, base=base) for one in found])
        )
