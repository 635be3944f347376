"""Suspend, resume and delete tenants and accounts, and see how far their runtimes have followed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import Handler, contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.shapes.standing import DELETION, STANDING, SUSPENSION, standing_json
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.models import Account, Tenant
from provisioner.lifecycle import closing, tenants
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.tenants import Owner, open_standing

Door = Callable[..., Standing]


def tenant_named(actor: Actor, text: str) -> Tenant:
    """Return the tenant by id or slug."""
    return scope.the_tenant(actor, text)


def account_named(actor: Actor, text: str) -> Account:
    """Return the account by id or slug."""
    return scope.the_account(actor, text)


class StandingView(ApiView):
    """What both kinds of owner share; one subclass per kind and address."""

    kind = "tenant"
    find: Callable[[Actor, str], Owner] = staticmethod(tenant_named)

    def must_see(self, actor: Actor) -> None:
        """Raise Refused 404 unless the actor can see the owner."""
        type(self).find(actor, str(self.kwargs["owner"]))

    def shown(self, request: Request, name: str) -> Response:
        """Answer with how the owner stands."""
        owner = type(self).find(actor_of(request), name)
        return Response(standing_json(owner, open_standing(owner)))

    def carry_out(self, request: Request, name: str, door: Door, **given: Any) -> HttpResponse:
        """Call a door for the owner, and answer with how it stands then."""
        actor = actor_of(request)
        owner = type(self).find(actor, name)
        if given.pop("confirm", owner.slug) != owner.slug:
            detail = f"confirm must be exactly {owner.slug}."
            raise Refused("confirmation_wrong", detail, field="confirm")

        def act() -> Answer:
            door(actor=actor, **{f"{self.kind}_id": UUID(str(owner.pk))}, **given)
            now = type(self).find(actor, str(owner.pk))
            return Answer(200, standing_json(now, open_standing(now)))

        return once(request, act)


def _agreed(kind: str, verb: str, summary: str, **fields: Any) -> Callable[[Handler], Handler]:
    return contract(
        operation_id=f"{verb}_{kind}",
        summary=summary,
        tag="standing",
        answers={200: STANDING},
        problems=(403, 404, 409),
        idempotent=True,
        **fields,
    )


Methods = dict[str, dict[str, Any]]  # by the last part of the address


def _reading(kind: str, noun: str) -> Methods:
    @contract(
        operation_id=f"read_{kind}_standing",
        summary=f"Read how {noun} stands",
        tag="standing",
        answers={200: STANDING},
        problems=(404,),
    )
    def read(self: StandingView, request: Request, owner: str) -> Response:
        return self.shown(request, owner)

    read.__doc__ = "Return its state, why, until when a deletion can be undone, and how far its runtimes are."
    return {"standing": {"get": read}}


def _turning(kind: str, noun: str) -> Methods:
    doors = {name: getattr(tenants, f"{name}_{kind}") for name in ("suspend", "resume")}

    @_agreed(kind, "suspend", f"Suspend {noun}", body=SUSPENSION, body_required=False)
    def suspend(self: StandingView, request: Request, owner: str) -> HttpResponse:
        body = self.body(request)
        given = {"reason": body.get("reason", "wish"), "note": body.get("note", "")}
        return self.carry_out(request, owner, doors["suspend"], **given)

    @_agreed(kind, "resume", f"Resume {noun}")
    def resume(self: StandingView, request: Request, owner: str) -> HttpResponse:
        return self.carry_out(request, owner, doors["resume"])

    suspend.__doc__, resume.__doc__ = doors["suspend"].__doc__, doors["resume"].__doc__
    return {"suspend": {"post": suspend}, "resume": {"post": resume}}


def _ending(kind: str, noun: str) -> Methods:
    schedule, undo = (getattr(closing, f"{verb}_{kind}_deletion") for verb in ("schedule", "undo"))

    @_agreed(kind, "delete", f"Schedule the deletion of {noun}", body=DELETION)
    def delete(self: StandingView, request: Request, owner: str) -> HttpResponse:
        body = self.body(request)
        return self.carry_out(request, owner, schedule, confirm=body["confirm"], note=body.get("note", ""))

    @_agreed(kind, "keep", f"Undo the scheduled deletion of {noun}")
    def keep(self: StandingView, request: Request, owner: str) -> HttpResponse:
        return self.carry_out(request, owner, undo)

    delete.__doc__, keep.__doc__ = schedule.__doc__, undo.__doc__
    return {"deletion": {"post": delete, "delete": keep}}


def _views(kind: str, find: Callable[[Actor, str], Owner]) -> dict[str, type[ApiView]]:
    """Return the four addresses of one kind of owner."""
    noun = f"{'an' if kind == 'account' else 'a'} {kind}"
    base: dict[str, Any] = {"kind": kind, "find": staticmethod(find)}
    methods = _reading(kind, noun) | _turning(kind, noun) | _ending(kind, noun)
    return {
        name: type(f"{kind.title()}{name.title()}", (StandingView,), {**base, **served})
        for name, served in methods.items()
    }


OF_TENANT = _views("tenant", tenant_named)
OF_ACCOUNT = _views("account", account_named)
