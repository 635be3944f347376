"""What runtimes take up, what the platform's components take up over the fleet, and what carbon is estimated with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any
from uuid import UUID

from rest_framework.request import Request
from rest_framework.response import Response

from billing.footprint import reading
from billing.footprint.carbon_factors import factors_of
from billing.footprint.findings import findings
from billing.footprint.ranking import MOST, STEP, Unit, rank
from billing.usage.slots import day_of
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT, Parameter, Query
from controlplane.api.shapes.footprint import (
    FINDINGS,
    FOOTPRINT_LIST,
    FOOTPRINT_SUMMARY,
    finding_json,
    footprint_json,
    runtime_json,
    summary_json,
)
from controlplane.api.shapes.footprint_fleet import CARBON_FACTORS, RANKING, factors_json, ranking_json
from controlplane.api.views.base import ApiView
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.addresses import base_of
from controlplane.tenants.models import Tenant
from provisioner.runtimes.models import Runtime

SHOWN = 200
DAYS = Parameter(
    "days",
    "How many of the newest days that are over.",
    {"type": "integer", "minimum": 1, "maximum": reading.LONGEST_DAYS, "default": 30},
)
UNIT = Parameter(
    "unit", "What requests are changed by.", {"type": "string", "enum": list(Unit), "default": "millicores"}
)
AMOUNT = Parameter(
    "amount",
    "By how much requests would be smaller; 10 millicores or 16 MiB unless given.",
    {"type": "integer", "minimum": 1, "maximum": MOST},
)


class FootprintList(ApiView):
    """Runtimes, with what each took up."""

    @contract(
        operation_id="list_footprints",
        summary="List what runtimes take up",
        tag="footprint",
        answers={200: FOOTPRINT_LIST},
        query=(*PAGES, DAYS, TENANT),
        problems=(403, 404),
    )
    def get(self, request: Request) -> Response:
        """Return one page, the newest runtimes first; deleted ones included, as long as their days are in the stretch."""
        actor, base = actor_of(request), base_of(request)
        tenant_id = _subject(actor, self.query)
        stretch = reading.last_days(_whole(self.query, DAYS, 30), now=utcnow())
        money = actor.may(Permission.COST_READ)

        def write(rows: Sequence[Any]) -> list[dict[str, Any]]:
            known = _known(actor, (row.runtime for row in rows))
            return [
                {
                    **runtime_json(row.runtime, known, base=base),
                    **footprint_json(reading.read(row), stretch, money=money),
                }
                for row in rows
            ]

        rows = reading.of_runtimes(stretch, tenant_id=tenant_id)
        return Response(page(request, self.query, rows, write, key="runtime"))


class FootprintSummary(ApiView):
    """All runtimes together."""

    @contract(
        operation_id="read_footprint_summary",
        summary="Read what all runtimes take up together",
        tag="footprint",
        answers={200: FOOTPRINT_SUMMARY},
        query=(DAYS, TENANT),
        problems=(403, 404),
    )
    def get(self, request: Request) -> Response:
        """Return the sums of a tenant, by day too; for the platform's team, of all tenants or of the one it names."""
        actor = actor_of(request)
        tenant_id = _subject(actor, self.query)
        stretch = reading.last_days(_whole(self.query, DAYS, 30), now=utcnow())
        total = reading.whole(stretch, tenant_id=tenant_id)
        days = reading.by_day(stretch, tenant_id=tenant_id)
        return Response(summary_json(total, days, stretch, money=actor.may(Permission.COST_READ)))


class FootprintFindings(ApiView):
    """Idle, zombie, oversized, starved and noisy runtimes."""

    @contract(
        operation_id="list_footprint_findings",
        summary="List runtimes that someone should look at",
        tag="footprint",
        answers={200: FINDINGS},
        query=(TENANT,),
        problems=(403, 404),
    )
    def get(self, request: Request) -> Response:
        """Return findings with the numbers they rest on and what might be done; nothing is ever done by itself."""
        actor, base = actor_of(request), base_of(request)
        found = findings(tenant_id=_subject(actor, self.query), now=utcnow())[:SHOWN]
        known = _known(actor, (one.stretch.runtime for one in found))
        return Response({"results": [finding_json(one, known, base=base) for one in found]})


class FleetFootprint(ApiView):
    """The platform's components over the fleet."""

    @contract(
        operation_id="rank_components",
        summary="Rank the platform's components by what they cost the fleet",
        tag="footprint",
        answers={200: RANKING},
        query=(UNIT, AMOUNT),
        problems=(403,),
        of_no_tenant=True,
    )
    def get(self, request: Request) -> Response:
        """Return the dearest first, with what a smaller request would save; for SRE, FinOps and platform admins."""
        if not actor_of(request).may(Permission.FLEET_FOOTPRINT):
            detail = "Only SRE, FinOps and platform admins see the fleet's footprint; ask one."
            raise Refused("forbidden", detail, status=403)
        unit = _unit(self.query)
        amount = _whole(self.query, AMOUNT, STEP[unit])
        return Response(ranking_json(rank(now=utcnow(), unit=unit, amount=amount), unit, amount))


class CarbonFactors(ApiView):
    """The methodology's figures."""

    @contract(
        operation_id="read_carbon_factors",
        summary="Read what carbon is estimated with",
        tag="footprint",
        answers={200: CARBON_FACTORS},
        of_no_tenant=True,
    )
    def get(self, request: Request) -> Response:
        """Return the version that holds today: every figure with its range, source, licence and vintage."""
        return Response(factors_json(factors_of(day_of(utcnow()))))


def _subject(actor: Actor, query: Query) -> UUID | None:
    """Return whose footprints are asked for: None is everybody's. Raises Refused 403, 404."""
    named = query.text("tenant")
    if not actor.may(Permission.FOOTPRINT_READ):
        raise Refused("forbidden", "Your role does not allow this; ask an admin of your tenant.", status=403)
    if not named:
        return actor.tenant_id
    found: Tenant = scope.the_tenant(actor, named)
    return found.id


def _known(actor: Actor, ids: Iterable[UUID]) -> dict[UUID, Runtime]:
    rows = scope.runtimes(actor).filter(pk__in=set(ids)).only("id", "name", "account__slug", "tenant__slug")
    return {row.id: row for row in rows}


def _unit(query: Query) -> Unit:
    """Return the unit; raises Refused 400."""
    text = query.text("unit") or Unit.MILLICORES
    if text not in list(Unit):
        raise _refused("unit", "must be millicores or mib")
    return Unit(text)


def _whole(query: Query, parameter: Parameter, default: int) -> int:
    """Return a whole number within its bounds; raises Refused 400."""
    text = query.text(parameter.name) or str(default)
    low, high = parameter.schema["minimum"], parameter.schema["maximum"]
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(high)) and low <= int(text) <= high):
        raise _refused(parameter.name, f"must be a whole number from {low} to {high}")
    return int(text)


def _refused(name: str, must: str) -> Refused:
    detail = f"The query parameter “{name}” {must}."
    fault = FieldError(name, "invalid_parameter", detail)
    return Refused("invalid_parameter", detail, status=400, errors=(fault,))
