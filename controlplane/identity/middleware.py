"""Ends the session of a request whose row is gone: its person, an admin or the provider ended it."""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse

from controlplane.identity.sessions import KNOWN, note_session, still_stands
from controlplane.tenants.models import User


class StandingSessionMiddleware:
    """Look at the row of the session, once per request of a signed-in person."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if SESSION_KEY in request.session:
            self._look(request)
        return self.get_response(request)

    def _look(self, request: HttpRequest) -> None:
        if request.session.get(KNOWN):
            user_id = UUID(str(request.session[SESSION_KEY]))
            key, address = str(request.session.session_key), request.META.get("REMOTE_ADDR", "")
            if not still_stands(key, user_id, address):
                logout(request)
                request.user = AnonymousUser()
        elif isinstance(request.user, User):  # it began before anybody noted sessions
            note_session(request, request.user)
