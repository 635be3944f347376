"""Exports of the audit trail to the place that the operator set up: asked for here, written by a worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.links import audit_export_url
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes.audit import EXPORT, EXPORT_CREATE, EXPORT_LIST, export_json
from controlplane.api.views.audit import moment
from controlplane.api.views.base import ApiView
from controlplane.tenants.addresses import base_of
from controlplane.tenants.audit.reading import Search, require_audit
from controlplane.tenants.audit.shipping import ask_export, exports_within_reach, visible_exports
from controlplane.tenants.export_models import AuditExport

TEXTS = ("actor", "action", "target", "outcome", "request_id", "text", "tenant")


class ExportList(ApiView):
    """Exports to the operator's place."""

    @contract(
        operation_id="list_audit_exports",
        summary="List exports to the archive",
        tag="audit",
        answers={200: EXPORT_LIST},
        query=PAGES,
        problems=(403,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, newest first."""

        def write(rows: Sequence[AuditExport]) -> list[dict[str, Any]]:
            return [_shown(request, row) for row in rows]

        return Response(page(request, self.query, visible_exports(actor_of(request)), write))

    @contract(
        operation_id="ship_audit",
        summary="Write the audit trail to the archive",
        tag="audit",
        answers={202: EXPORT},
        body=EXPORT_CREATE,
        problems=(403, 409),
        headers={202: ("Location",)},
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Begin it: at most 92 days, the last seven unless told; its address says how far it is."""
        search, actor = _search(self.body(request)), actor_of(request)

        def act() -> Answer:
            row = ask_export(actor=actor, search=search)
            return Answer(202, _shown(request, row), {"Location": audit_export_url(base_of(request), row.pk)})

        return once(request, act)


class ExportDetail(ApiView):
    """One export."""

    @contract(
        operation_id="read_audit_export",
        summary="Read how far an export is",
        tag="audit",
        answers={200: EXPORT},
        problems=(403, 404),
    )
    def get(self, request: Request, export: str) -> Response:
        """Return the export."""
        actor = actor_of(request)
        row = scope.found("audit_export", export, exports_within_reach(actor))
        require_audit(actor)
        return Response(_shown(request, row))


def _search(body: Mapping[str, str]) -> Search:
    """Read what narrows it; raises Refused 400 for a moment that is none."""
    return Search(
        **{name: body.get(name, "") for name in TEXTS},
        since=moment(body.get("since", ""), "since"),
        until=moment(body.get("until", ""), "until"),
    )


def _shown(request: Request, row: AuditExport) -> dict[str, Any]:
    return export_json(row, url=audit_export_url(base_of(request), row.pk))
