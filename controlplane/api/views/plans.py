"""Plans and regions."""

from __future__ import annotations

from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.contract import contract
from controlplane.api.shapes.plan import (
    PLAN_LIST,
    PLAN_WITH_SCHEMA,
    REGION_LIST,
    plan_json,
    plan_with_schema,
    regions_json,
)
from controlplane.api.views.base import ApiView
from controlplane.catalog.facts import list_plan_facts, load_plan_facts
from controlplane.kernel.errors import Refused
from controlplane.tenants.addresses import base_of


class PlanList(ApiView):
    """What can be ordered."""

    @contract(
        operation_id="list_plans",
        summary="List plans",
        of_no_tenant=True,
        tag="catalog",
        answers={200: PLAN_LIST},
    )
    def get(self, request: Request) -> Response:
        """Return every plan that takes new runtimes; they are few, so one page holds them all."""
        base = base_of(request)
        return Response({"results": [plan_json(plan, base=base) for plan in list_plan_facts()], "next": None})


class PlanDetail(ApiView):
    """One plan."""

    @contract(
        operation_id="read_plan",
        summary="Read a plan and the schema of its parameters",
        of_no_tenant=True,
        tag="catalog",
        answers={200: PLAN_WITH_SCHEMA},
        problems=(404,),
    )
    def get(self, request: Request, key: str) -> Response:
        """Return the plan, retired ones included."""
        try:
            plan = load_plan_facts(key)
        except Refused as refused:
            raise Refused("plan_not_found", refused.detail, status=404) from refused
        return Response(plan_with_schema(plan, base=base_of(request)))


class RegionList(ApiView):
    """Where runtimes can live."""

    @contract(
        operation_id="list_regions",
        summary="List regions",
        of_no_tenant=True,
        tag="catalog",
        answers={200: REGION_LIST},
    )
    def get(self, request: Request) -> Response:
        """Return every region that a plan offers; they are few, so one page holds them all."""
        return Response({"results": regions_json(list_plan_facts()), "next": None})
