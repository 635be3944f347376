"""Where a person is signed in, and how to end that; an admin ends a member's sessions."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.identity import sessions
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import Member


@require_GET
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every session of the person, the present one marked."""
    here = sessions.digest_of(str(request.session.session_key))
    rows = [(row, bytes(row.digest) == here) for row in sessions.sessions_of(request.visitor.user.id)]
    return show(request, "sessions/index.html", {"sessions": rows, "others": len(rows) > 1})


@require_POST
@page
def end(request: ConsoleRequest, session_id: UUID) -> HttpResponse:
    """End one; another person's is not there."""
    sessions.end_session(actor=request.visitor.actor, session_id=session_id)
    messages.success(request, "The session is over.")
    return redirect("console:sessions")


@require_POST
@page
def end_others(request: ConsoleRequest) -> HttpResponse:
    """End all but the present one."""
    number = sessions.end_other_sessions(
        actor=request.visitor.actor, current_key=str(request.session.session_key)
    )
    messages.success(request, f"{number} session{'' if number == 1 else 's'} ended; you stay signed in here.")
    return redirect("console:sessions")


@require_http_methods(["GET", "POST"])
@page
def of_member(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    """Say how many sessions a member has, and end them all."""
    tenant = request.visitor.tenant or require(request.visitor, Permission.MEMBER_MANAGE)
    member = Member.objects.filter(tenant=tenant, user=user_id).select_related("user").first()
    if member is None:
        raise Refused("member_not_found", "There is no such member in this tenant.", status=404)
    require(request.visitor, Permission.MEMBER_MANAGE)
    if request.method == "POST":
        number = sessions.end_sessions_of_member(
            actor=request.visitor.actor, tenant_id=tenant.id, user_id=user_id
        )
        messages.success(request, f"{number} session{'' if number == 1 else 's'} ended.")
        return redirect("console:member-sessions", user_id=user_id)
    context = {"member": member, "sessions": sessions.sessions_of(user_id)}
    return show(request, "sessions/of_member.html", context)
