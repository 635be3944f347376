"""What a form gets whose token is not the session's any more."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.csrf import csrf_failure

# Pages behind a link from a message. Pressing their button begins a session, so what an earlier tab still shows has expired.
BEHIND_A_LINK = frozenset({"console:trial-confirm", "console:trial-open-link"})
OUTDATED = "CSRF token from"  # how Django begins; another origin or a missing cookie is told otherwise


def form_expired(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Show the page of a link anew, once; answer 403 elsewhere, and to whoever sends no cookies or comes from another site."""
    match = request.resolver_match
    behind_a_link = match is not None and match.view_name in BEHIND_A_LINK
    if behind_a_link and reason.startswith(OUTDATED) and "again" not in request.GET:
        return redirect(f"{request.path}?again=1")
    return csrf_failure(request, reason=reason)
