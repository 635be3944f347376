"""Maintenance windows and exclusions: a tenant's own, or a plan's and everybody's by the platform's team."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.keysets import keyed_page
from controlplane.api.moments import moment_in
from controlplane.api.parameters import PAGES, TENANT, Parameter
from controlplane.api.shapes.base import Shape, record
from controlplane.api.shapes.maintenance import (
    EXCLUSION,
    EXCLUSION_CREATE,
    EXCLUSION_LIST,
    WINDOW,
    WINDOW_CREATE,
    WINDOW_LIST,
    deferral_json,
    exclusion_json,
    holds_json,
    window_json,
)
from controlplane.api.views.base import ApiView
from controlplane.tenants.addresses import base_of
from provisioner.rollouts import listing, services
from provisioner.rollouts.holding import holding

OWN = ("tenant", "plan", "runtime")
RUNTIME = Parameter("runtime", "Only of this runtime.", {"type": "string", "format": "uuid"})
REMOVED = Shape("Removed", record({}, description="It is no more."))
SHARED: dict[str, Any] = {"tag": "maintenance", "idempotent": True}


class _Owned(ApiView):
    def _owner(self, body: Mapping[str, Any]) -> services.Owner:
        """Return whose it is to be: the token's tenant's, or whom one of the platform's team names."""
        named, runtime = body.get("tenant", ""), body.get("runtime")
        tenant = scope.tenant_for_write(self.tenant, named) if self.tenant or named else None
        return services.Owner(
            tenant_id=tenant.pk if tenant else None,
            plan=body.get("plan", ""),
            runtime_id=scope.id_of("runtime", runtime) if runtime else None,
        )

    def _page(self, request: Request, read: Any, write: Any) -> Response:
        query, base, actor = self.query, base_of(request), actor_of(request)
        runtime = scope.id_of("runtime", query.text("runtime")) if query.text("runtime") else None

        def ask(key: list[Any] | None, limit: int) -> list[Any]:
            shown = listing.Shown(query.text("tenant"), runtime, key[0] if key else None, limit)
            found: list[Any] = read(actor=actor, shown=shown)
            return found

        return Response(
            keyed_page(
                request, query, (int,), ask=ask, key=lambda row: [row.pk],
                write=lambda found: [write(row, base=base) for row in found],
            )
        )  # fmt: skip


class WindowList(_Owned):
    """When upgrades may begin."""

    @contract(
        operation_id="list_maintenance_windows",
        summary="List maintenance windows",
        tag="maintenance",
        answers={200: WINDOW_LIST},
        query=(TENANT, RUNTIME, *PAGES),
        problems=(404,),
    )
    def get(self, request: Request) -> Response:
        """Return one page, of a tenant what it puts upgrades off by and how much is left, and of a runtime all that holds for it.

        The page has what is set for the runtime itself only; `holds` has its tenant's, its plan's and everybody's too.
        """
        found = self._page(request, listing.list_windows, window_json)
        named = self.query.text("runtime")
        shown = listing.Shown(self.query.text("tenant"), scope.id_of("runtime", named) if named else None)
        found.data["deferral"] = deferral_json(listing.deferred(actor=actor_of(request), shown=shown))
        runtime = shown.runtime_id
        holds = holding(actor=actor_of(request), runtime_id=runtime) if runtime else None
        found.data["holds"] = holds_json(holds)
        return found

    @contract(
        operation_id="create_maintenance_window",
        summary="Add a maintenance window",
        answers={201: WINDOW},
        body=WINDOW_CREATE,
        problems=(403, 404, 409),
        **SHARED,
    )
    def post(self, request: Request) -> HttpResponse:
        """Let rollouts upgrade these runtimes only then, and in their other windows.

        A tenant that puts an upgrade off with it that waits for a window already has 30 days out of any 90 for that, exclusions
        included.
        """
        actor, base, body = actor_of(request), base_of(request), self.body(request)
        owner = self._owner(body)
        week = {name: value for name, value in body.items() if name not in OWN}

        def act() -> Answer:
            made = services.add_window(actor=actor, owner=owner, **week)
            return Answer(201, window_json(made, base=base))

        return once(request, act)


class WindowDetail(_Owned):
    """One window."""

    @contract(
        operation_id="delete_maintenance_window",
        summary="Remove a maintenance window",
        answers={200: REMOVED},
        problems=(403, 404, 409),
        **SHARED,
    )
    def delete(self, request: Request, window: str) -> HttpResponse:
        """Take it away; without any window these runtimes may be upgraded at any time.

        An upgrade that waited for it waits for the next one, within the days that exclusions may take.
        """
        actor, number = actor_of(request), scope.number_of("window", window)

        def act() -> Answer:
            services.remove_window(actor=actor, window_id=number)
            return Answer(200, {})

        return once(request, act)


class ExclusionList(_Owned):
    """When nothing begins."""

    @contract(
        operation_id="list_maintenance_exclusions",
        summary="List maintenance exclusions",
        tag="maintenance",
        answers={200: EXCLUSION_LIST},
        query=(TENANT, RUNTIME, *PAGES),
        problems=(404,),
    )
    def get(self, request: Request) -> Response:
        """Return one page of those that are not over."""
        return self._page(request, listing.list_exclusions, exclusion_json)

    @contract(
        operation_id="create_maintenance_exclusion",
        summary="Add a maintenance exclusion",
        answers={201: EXCLUSION},
        body=EXCLUSION_CREATE,
        problems=(403, 404, 409),
        **SHARED,
    )
    def post(self, request: Request) -> HttpResponse:
        """Let no rollout upgrade these runtimes in between; a tenant's own may put each off for 30 days out of any 90.

        One counts from the first moment at which it keeps an upgrade from beginning up to the next at which one may begin.
        Windows moved while an upgrade waited for them count with these.
        """
        actor, base, body = actor_of(request), base_of(request), self.body(request)
        owner, begins, ends = self._owner(body), moment_in(body, "begins_at"), moment_in(body, "ends_at")

        def act() -> Answer:
            made = services.add_exclusion(
                actor=actor, owner=owner, begins_at=begins, ends_at=ends, reason=body["reason"]
            )
            return Answer(201, exclusion_json(made, base=base))

        return once(request, act)


class ExclusionDetail(_Owned):
    """One exclusion."""

    @contract(
        operation_id="delete_maintenance_exclusion",
        summary="Remove a maintenance exclusion",
        answers={200: REMOVED},
        problems=(403, 404, 409),
        **SHARED,
    )
    def delete(self, request: Request, exclusion: str) -> HttpResponse:
        """Take it away."""
        actor, number = actor_of(request), scope.number_of("exclusion", exclusion)

        def act() -> Answer:
            services.remove_exclusion(actor=actor, exclusion_id=number)
            return Answer(200, {})

        return once(request, act)
