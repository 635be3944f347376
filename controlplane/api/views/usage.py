"""Usage: samples that agents push, and those that were put aside."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from billing.usage import deciding
from billing.usage.models import Quarantined
from billing.usage.pushing import push, quarantined, require_meter
from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, Parameter
from controlplane.api.shapes.usage import (
    DECISION,
    INGESTED,
    QUARANTINED,
    QUARANTINED_LIST,
    SAMPLES,
    ingested_json,
    quarantined_json,
)
from controlplane.api.views.base import ApiView

RUNTIME = Parameter("runtime", "Id of one runtime.")


class SampleList(ApiView):
    """Where agents push."""

    @contract(
        operation_id="push_samples",
        summary="Push samples of usage",
        tag="usage",
        answers={200: INGESTED},
        body=SAMPLES,
        problems=(403,),
    )
    def post(self, request: Request) -> Response:
        """Store each row once; rows that can't be are named in the answer, and the others are stored all the same."""
        actor = actor_of(request)
        require_meter(actor)
        body = self.body(request)
        return Response(ingested_json(push(actor=actor, sent_at=body["sent_at"], rows=body["samples"])))


class QuarantineList(ApiView):
    """What was put aside."""

    @contract(
        operation_id="list_quarantined_samples",
        summary="List samples that were put aside",
        tag="usage",
        answers={200: QUARANTINED_LIST},
        query=(*PAGES, RUNTIME),
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first."""
        rows = quarantined(actor=actor_of(request), runtime=self.query.text("runtime"))
        return Response(page(request, self.query, rows, _written))


class SampleAccept(ApiView):
    """Let the other reading stand."""

    @contract(
        operation_id="accept_sample",
        summary="Accept a sample that was put aside",
        tag="usage",
        answers={200: QUARANTINED},
        body=DECISION,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, sample: str) -> HttpResponse:
        """Let it stand in place of the one that stood, which is put aside; its hour is made anew."""
        return _decided(self, request, sample, deciding.accept)


class SampleDismiss(ApiView):
    """Let what stood stand."""

    @contract(
        operation_id="dismiss_sample",
        summary="Dismiss a sample that was put aside",
        tag="usage",
        answers={200: QUARANTINED},
        body=DECISION,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, sample: str) -> HttpResponse:
        """Say that it counts for nothing; what stood stands."""
        return _decided(self, request, sample, deciding.dismiss)


def _decided(
    view: ApiView, request: Request, sample: str, decide: Callable[..., Quarantined]
) -> HttpResponse:
    actor = actor_of(request)
    require_meter(actor)
    sample_id, reason = scope.id_of("sample", sample), view.body(request)["reason"]

    def act() -> Answer:
        return Answer(200, quarantined_json(decide(actor=actor, sample_id=sample_id, reason=reason)))

    return once(request, act)


def _written(rows: Sequence[Quarantined]) -> list[dict[str, Any]]:
    return [quarantined_json(row) for row in rows]
