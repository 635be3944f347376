"""Members and invitations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.links import invitation_page
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES, TENANT
from controlplane.api.shapes.team import (
    INVITATION,
    INVITATION_CREATE,
    INVITATION_LIST,
    MEMBER,
    MEMBER_CHANGE,
    MEMBER_LIST,
    invitation_json,
    member_json,
)
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Role
from controlplane.tenants.addresses import base_of
from controlplane.tenants.invitations import invite, revoke_invitation, send_again
from controlplane.tenants.members import change_role, remove_member
from controlplane.tenants.models import Member


class MemberList(ApiView):
    """The members of a tenant."""

    @contract(
        operation_id="list_members",
        summary="List members",
        tag="team",
        answers={200: MEMBER_LIST},
        query=(*PAGES, TENANT),
    )
    def get(self, request: Request) -> Response:
        """Return one page; the platform's team names the tenant."""
        actor = actor_of(request)
        if actor.sees_every_tenant and not self.query.text("tenant"):
            detail = "Name the tenant whose members you want: add ?tenant= with its slug."
            raise Refused("tenant_required", detail, status=400)

        def write(rows: Sequence[Member]) -> list[dict[str, Any]]:
            return [member_json(row) for row in rows]

        return Response(page(request, self.query, scope.members(actor, self.query), write, key="user_id"))


class MemberDetail(ApiView):
    """One member, by the person's id."""

    @contract(
        operation_id="read_member",
        summary="Read a member",
        tag="team",
        answers={200: MEMBER},
        query=(TENANT,),
        problems=(404,),
    )
    def get(self, request: Request, member: str) -> Response:
        """Return the member."""
        return Response(member_json(self._found(request, member)))

    @contract(
        operation_id="change_member",
        summary="Give a member another role",
        tag="team",
        answers={200: MEMBER},
        body=MEMBER_CHANGE,
        problems=(403, 404, 409),
        idempotent=True,
    )
    def patch(self, request: Request, member: str) -> HttpResponse:
        """Change the role; owners are made and unmade by owners, and one stays."""
        row, body = self._found(request, member), self.body(request)

        def act() -> Answer:
            changed = change_role(
                actor=actor_of(request),
                tenant_id=row.tenant_id,
                user_id=row.user_id,
                role=Role(body["role"]),
            )
            row.role = changed.role
            return Answer(200, member_json(row))

        return once(request, act)

    @contract(
        operation_id="remove_member",
        summary="Remove a member",
        tag="team",
        answers={200: MEMBER},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def delete(self, request: Request, member: str) -> HttpResponse:
        """End the membership, the person's sessions, and the tokens that they made."""
        row = self._found(request, member)

        def act() -> Answer:
            remove_member(actor=actor_of(request), tenant_id=row.tenant_id, user_id=row.user_id)
            return Answer(200, member_json(row))

        return once(request, act)

    def _found(self, request: Request, member: str) -> Member:
        rows = scope.members(actor_of(request), self.query).filter(user=scope.id_of("member", member))
        row: Member | None = rows.first()
        if row is None:
            raise scope.missing("member", member)
        return row


class InvitationList(ApiView):
    """The invitations of a tenant."""

    @contract(
        operation_id="list_invitations",
        summary="List invitations",
        tag="team",
        answers={200: INVITATION_LIST},
        query=(*PAGES, TENANT),
    )
    def get(self, request: Request) -> Response:
        """Return one page, ended ones included."""

        def write(rows: Sequence[Any]) -> list[dict[str, Any]]:
            return [invitation_json(row) for row in rows]

        return Response(page(request, self.query, scope.invitations(actor_of(request), self.query), write))

    @contract(
        operation_id="create_invitation",
        summary="Invite a person",
        tag="team",
        answers={201: INVITATION},
        body=INVITATION_CREATE,
        problems=(403, 409),
        idempotent=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Send a one-time link by e-mail; the answer never tells whether somebody has the address already."""
        body = self.body(request)
        tenant = scope.tenant_for_write(self.tenant, body.get("tenant", ""))

        def act() -> Answer:
            row = invite(
                actor=actor_of(request),
                tenant=tenant,
                email=body["email"],
                role=Role(body["role"]),
                any_address=body.get("any_address", False),
                address_of=_page(request),
            )
            return Answer(201, invitation_json(row))

        return once(request, act)


class InvitationDetail(ApiView):
    """One invitation."""

    @contract(
        operation_id="read_invitation",
        summary="Read an invitation",
        tag="team",
        answers={200: INVITATION},
        problems=(404,),
    )
    def get(self, request: Request, invitation: str) -> Response:
        """Return the invitation."""
        rows = scope.invitations(actor_of(request))
        return Response(invitation_json(scope.found("invitation", invitation, rows)))

    @contract(
        operation_id="revoke_invitation",
        summary="Revoke an invitation",
        tag="team",
        answers={200: INVITATION},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def delete(self, request: Request, invitation: str) -> HttpResponse:
        """Make its link worthless."""
        known = scope.id_of("invitation", invitation)
        return once(
            request,
            lambda: Answer(
                200, invitation_json(revoke_invitation(actor=actor_of(request), invitation_id=known))
            ),
        )


class InvitationResend(ApiView):
    """The same invitation with a new link."""

    @contract(
        operation_id="resend_invitation",
        summary="Send an invitation again",
        tag="team",
        answers={200: INVITATION},
        problems=(403, 404, 409),
        idempotent=True,
    )
    def post(self, request: Request, invitation: str) -> HttpResponse:
        """Send a new link, which begins its days anew; the former one is dead."""
        known = scope.id_of("invitation", invitation)

        def act() -> Answer:
            row = send_again(actor=actor_of(request), invitation_id=known, address_of=_page(request))
            return Answer(200, invitation_json(row))

        return once(request, act)


def _page(request: Request) -> Callable[[str], str]:
    base = base_of(request)
    return lambda secret: invitation_page(base, secret)
