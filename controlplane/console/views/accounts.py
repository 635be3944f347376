"""The accounts of the tenant."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.fields.problems import place
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, Visitor
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.services import create_account

LONGEST_NAME = 120


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every account with the number of its runtimes; admins add one here."""
    slug = request.POST.get("slug", "").replace("\0", "").strip()
    name = request.POST.get("name", "").replace("\0", "").strip()
    fields = [
        Field(
            "text", "name", "Name", "As people know it, for example “Online shop”.", value=name, required=True
        ),
        Field(
            "text",
            "slug",
            "Slug",
            "As the API and addresses name it: lower-case letters, digits, dashes.",
            value=slug,
            required=True,
        ),
    ]
    problems = []
    if request.method == "POST":
        try:
            _create(request.visitor, slug, name)
        except Refused as refusal:
            if refusal.status == 403:  # noqa: PLR2004
                raise
            problems = place(refusal, fields)
        else:
            messages.success(request, f"Account {name} is ready for runtimes.")
            return redirect("console:accounts")
    actor = request.visitor.actor
    counts = queries.runtimes_per_account(actor)
    context = {
        "accounts": [(row, counts.get(row.id, 0)) for row in queries.visible_accounts(actor)],
        "fields": fields,
        "problems": problems,
        "may_add": may_add(request.visitor),
        "may_change": actor.may(Permission.ACCOUNT_CHANGE) or actor.may(Permission.ACCOUNT_MOVE),
        "everything": actor.sees_every_tenant,
    }
    return show(request, "accounts.html", context, status=422 if problems else 200)


def may_add(visitor: Visitor) -> bool:
    """Whether this person may open an account: the tenant's admins and owners."""
    return visitor.tenant is not None and visitor.may(Permission.ACCOUNT_CREATE, visitor.tenant)


def _create(visitor: Visitor, slug: str, name: str) -> None:
    if not may_add(visitor) or visitor.tenant is None:
        raise Refused(
            "forbidden", "Only admins and owners of a tenant open accounts; ask one of them.", status=403
        )
    if not name or len(name) > LONGEST_NAME:
        detail = f"name must have 1 to {LONGEST_NAME} characters."
        raise Refused("name_invalid", detail, field="name")
    create_account(actor=visitor.actor, tenant=visitor.tenant, slug=slug, name=name)
