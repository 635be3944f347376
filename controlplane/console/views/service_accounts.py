"""Programs that belong to a tenant."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.db.models import Count, Q
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.views.subject import ask_which, subject_of
from controlplane.console.views.team import role_field
from controlplane.console.views.tokens import require_sight
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission, Role
from controlplane.tenants.access_models import ServiceAccount
from controlplane.tenants.service_accounts import create_service_account, remove_service_account


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every service account with the number of its tokens; admins make one here."""
    visitor = request.visitor
    require_sight(request)
    if request.method == "POST":
        require(visitor, Permission.TOKEN_MANAGE)
    tenant = subject_of(request)
    if tenant is None:
        return ask_which(request, "Service accounts")
    name = clean(request.POST.get("name", "")).strip()
    role = clean(request.POST.get("role", "developer"))
    fields = [
        Field("text", "name", "Name", "Of the program, for example ci.", value=name, required=True),
        role_field(visitor, role),
    ]
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            if role not in list(Role):
                raise Refused("role_unknown", "role must be one of the list.", field="role")
            create_service_account(actor=visitor.actor, tenant=tenant, name=name, role=Role(role))
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            messages.success(request, f"{name} is there; make a token for it next.")
            return redirect("console:tokens")
    living = Count("tokens", filter=Q(tokens__revoked_at=None))
    rows = ServiceAccount.objects.filter(tenant=tenant, removed_at=None).annotate(number=living)
    context = {
        "subject": tenant,
        "programs": rows.order_by("name"),
        "fields": fields,
        "problems": problems,
        "may_manage": visitor.tenant is not None and visitor.may(Permission.TOKEN_MANAGE, tenant),
    }
    return show(request, "tokens/service_accounts.html", context, status=422 if problems else 200)


@require_POST
@page
def remove(request: ConsoleRequest, service_account_id: UUID) -> HttpResponse:
    """Remove one with its tokens."""
    row = remove_service_account(actor=request.visitor.actor, service_account_id=service_account_id)
    messages.success(request, f"{row.name} is removed, and its tokens with it.")
    return redirect("console:service-accounts")
