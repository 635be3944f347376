"""Where people are signed in: one's own sessions, by a token that speaks for its person, and a member's for admins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django.http import HttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api import scope
from controlplane.api.auth import actor_of
from controlplane.api.contract import contract
from controlplane.api.idempotency import Answer, once
from controlplane.api.pages import page
from controlplane.api.parameters import PAGES
from controlplane.api.shapes.session import SESSION, SESSION_LIST, SESSIONS_ENDED, session_json
from controlplane.api.views.base import ApiView
from controlplane.identity import sessions
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.models import Member
from controlplane.tenants.rights import require


def _written(rows: Sequence[Any]) -> list[dict[str, Any]]:
    return [session_json(row) for row in rows]


class SessionList(ApiView):
    """The sessions of the person whose token asks."""

    @contract(
        operation_id="list_sessions",
        summary="List one's own sessions",
        tag="sessions",
        answers={200: SESSION_LIST},
        query=PAGES,
        problems=(403,),
        of_no_tenant=True,
    )
    def get(self, request: Request) -> Response:
        """Return one page; only a token that somebody made for themselves, with their own role, has a person behind it."""
        rows = sessions.live_sessions(_person(request).user_id)
        return Response(page(request, self.query, rows, _written))

    @contract(
        operation_id="end_sessions",
        summary="End all of one's own sessions",
        tag="sessions",
        answers={200: SESSIONS_ENDED},
        problems=(403,),
        idempotent=True,
        of_no_tenant=True,
    )
    def delete(self, request: Request) -> HttpResponse:
        """End them all: a token is no session, so none is spared."""
        person = _person(request)
        return once(request, lambda: Answer(200, {"ended": sessions.end_other_sessions(actor=person)}))


class SessionDetail(ApiView):
    """One session of the person whose token asks."""

    @contract(
        operation_id="end_session",
        summary="End one of one's own sessions",
        tag="sessions",
        answers={200: SESSION},
        problems=(403, 404),
        idempotent=True,
        of_no_tenant=True,
    )
    def delete(self, request: Request, session: str) -> HttpResponse:
        """End it; another person's is not there."""
        person = _person(request)

        def act() -> Answer:
            row = scope.found("session", session, sessions.live_sessions(person.user_id))
            sessions.end_session(actor=person, session_id=row.pk)
            return Answer(200, session_json(row))

        return once(request, act)


class MemberSessions(ApiView):
    """The sessions of a member, for admins."""

    @contract(
        operation_id="list_member_sessions",
        summary="List a member's sessions",
        tag="sessions",
        answers={200: SESSION_LIST},
        query=PAGES,
        problems=(403, 404),
    )
    def get(self, request: Request, member: str) -> Response:
        """Return one page."""
        row = self._found(request, member)
        return Response(page(request, self.query, sessions.live_sessions(row.user_id), _written))

    @contract(
        operation_id="end_member_sessions",
        summary="End a member's sessions",
        tag="sessions",
        answers={200: SESSIONS_ENDED},
        problems=(403, 404),
        idempotent=True,
    )
    def delete(self, request: Request, member: str) -> HttpResponse:
        """Sign the member out everywhere; an owner is signed out by owners only."""
        row, actor = self._found(request, member), actor_of(request)

        def act() -> Answer:
            number = sessions.end_sessions_of_member(
                actor=actor, tenant_id=row.tenant_id, user_id=row.user_id
            )
            return Answer(200, {"ended": number})

        return once(request, act)

    def _found(self, request: Request, member: str) -> Member:
        actor = actor_of(request)
        row: Member | None = scope.members(actor).filter(user=scope.id_of("member", member)).first()
        if row is None:
            raise scope.missing("member", member)
        require(actor, Permission.MEMBER_MANAGE, tenant_id=row.tenant_id)
        return row


def _person(request: Request) -> Actor:
    """Return the actor as the person behind it; raises Refused forbidden 403."""
    actor = actor_of(request)
    return replace(actor, user_id=sessions.person_of(actor))
