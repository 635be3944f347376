"""One account: call it something else, or (platform admins) move it to another tenant."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.access_models import AccountMove
from controlplane.tenants.accounts import rename_account
from controlplane.tenants.models import Account
from provisioner.lifecycle.move import move_account


def _account(request: ConsoleRequest, account_id: UUID) -> Account:
    row = queries.visible_accounts(request.visitor.actor).filter(pk=account_id).first()
    if row is None:
        raise Refused("account_not_found", "There is no such account in your tenant.", status=404)
    return row


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, account_id: UUID) -> HttpResponse:
    """Show where the account belongs, and rename it."""
    row = _account(request, account_id)
    visitor = request.visitor
    name = clean(request.POST.get("name", row.name))
    field = Field("text", "name", "Name", "As people know it; the slug stays.", value=name, required=True)
    problems: list[Problem] = []
    if request.method == "POST":
        require(visitor, Permission.ACCOUNT_CHANGE, row.tenant)
        try:
            rename_account(actor=visitor.actor, account_id=account_id, name=name)
        except Refused as refusal:
            problems = place(refusal, [field])
        else:
            messages.success(request, "Renamed.")
            return redirect("console:accounts")
    moves = AccountMove.objects.filter(account=row).select_related("tenant", "to_tenant").order_by("-at")
    context = {
        "account": row,
        "field": field,
        "problems": problems,
        "may_rename": visitor.may(Permission.ACCOUNT_CHANGE, row.tenant),
        "may_stand": visitor.may(Permission.ACCOUNT_CHANGE, row.tenant)
        or visitor.may(Permission.TENANT_SUSPEND, row.tenant),
        "may_move": visitor.may(Permission.ACCOUNT_MOVE, row.tenant),
        "moves": moves if visitor.actor.sees_every_tenant else (),
    }
    return show(request, "account/detail.html", context, status=422 if problems else 200)


@require_http_methods(["GET", "POST"])
@page
def move(request: ConsoleRequest, account_id: UUID) -> HttpResponse:
    """Say what goes along and what stays, then move it; both tenants are named by hand."""
    row = _account(request, account_id)
    require(request.visitor, Permission.ACCOUNT_MOVE, row.tenant)
    typed = {name: clean(request.POST.get(name, "")).strip() for name in ("from", "to", "reason")}
    about = f"Type {row.tenant.slug} to confirm."
    fields = [
        Field("text", "from", "From the tenant", about, value=typed["from"], required=True),
        Field("text", "to", "To the tenant", "Its slug.", value=typed["to"], required=True),
        Field("text", "reason", "Why", "Both tenants can read it.", value=typed["reason"], required=True),
    ]
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            moved = move_account(
                actor=request.visitor.actor,
                account_id=account_id,
                from_slug=typed["from"],
                to_slug=typed["to"],
                reason=typed["reason"],
            )
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            messages.success(request, f"{moved.name} belongs to {moved.tenant.name} now.")
            return redirect("console:account", account_id=account_id)
    context = {"account": row, "fields": fields, "problems": problems}
    return show(request, "account/move.html", context, status=422 if problems else 200)
