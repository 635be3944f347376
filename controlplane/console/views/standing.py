"""How a tenant or an account stands: suspend, resume, delete it, undo that; each is explained before it is done."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods

from controlplane.console import queries
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission
from controlplane.tenants.models import State, Tenant
from provisioner.lifecycle import closing, tenants
from provisioner.lifecycle.following import progress
from provisioner.lifecycle.models import Standing, Why
from provisioner.lifecycle.tenants import Owner, of, open_standing

SAID = {
    "suspend": "{name} is suspended; its runtimes follow.",
    "resume": "{name} is resumed; its runtimes follow.",
    "delete": "The deletion of {name} is scheduled.",
    "keep": "{name} is kept.",
}
WORDS = {why.value: why.label for why in Why}


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, kind: str, owner_id: UUID) -> HttpResponse:
    """Say how it stands and how far its runtimes are, and offer what this person may do."""
    owner = _owner(request, kind, owner_id)
    may = _may(request, owner)
    typed = clean(request.POST.get("confirm", "")).strip()
    note = clean(request.POST.get("note", ""))
    confirm = Field(
        "text", "confirm", "Its slug", f"Type {owner.slug} to confirm.", value=typed, required=True
    )
    reasons = [
        Option(why.value, why.label.capitalize())
        for why in Why
        if why and (may["platform"] or why is Why.WISH)
    ]
    reason = Field("select", "reason", "Why", options=reasons)
    said = Field("text", "note", "Note", "Everybody of the tenant can read it.", value=note)
    problems: list[Problem] = []
    if request.method == "POST":
        verb = clean(request.POST.get("do", ""))
        try:
            _carry_out(request, kind, owner, verb, typed, note)
        except Refused as refusal:
            if refusal.status == 403:  # noqa: PLR2004
                raise
            problems = place(refusal, [confirm, reason, said])
        else:
            messages.success(request, SAID[verb].format(name=owner.name))
            return redirect("console:standing", kind=kind, owner_id=owner_id)
    context = {
        **_told(owner, kind),
        **may,
        "confirm": confirm,
        "reason": reason,
        "note": said,
        "problems": problems,
        "undo_days": closing.undo_days(),
    }
    return show(request, "standing/detail.html", context, status=422 if problems else 200)


def _owner(request: ConsoleRequest, kind: str, owner_id: UUID) -> Owner:
    actor = request.visitor.actor
    if kind == "account":
        account = queries.visible_accounts(actor).filter(pk=owner_id).first()
        if account is not None:
            return account
    elif kind == "tenant" and (actor.sees_every_tenant or actor.tenant_id == owner_id):
        tenant = Tenant.objects.filter(pk=owner_id).first()
        if tenant is not None:
            return tenant
    raise Refused(f"{kind}_not_found", f"There is no {kind} {owner_id}.", status=404)


def _may(request: ConsoleRequest, owner: Owner) -> dict[str, bool]:
    tenant = owner if isinstance(owner, Tenant) else owner.tenant
    platform = request.visitor.may(Permission.TENANT_SUSPEND, tenant)
    if isinstance(owner, Tenant):
        return {
            "platform": platform,
            "may_suspend": platform,
            "may_delete": request.visitor.may(Permission.TENANT_CHANGE, tenant),
        }
    own = platform or request.visitor.may(Permission.ACCOUNT_CHANGE, tenant)
    return {"platform": platform, "may_suspend": own, "may_delete": own}


def _told(owner: Owner, kind: str) -> dict[str, Any]:
    standing = open_standing(owner)
    total, moving, failed = progress(standing or Standing(**of(owner)))
    closed = bool(standing and standing.closed_at) or bool(isinstance(owner, Tenant) and owner.closed_at)
    suspended = owner.state == State.SUSPENDED
    return {
        "owner": owner,
        "kind": kind,
        "standing": standing,
        "why": WORDS.get(standing.reason, "") if standing and standing.reason else "",
        "suspended": suspended,
        "closed": closed,
        "held": bool(standing and standing.reason) or (suspended and standing is None),
        "total": total,
        "moving": moving,
        "failed": failed,
        "settled": total - moving - failed,
    }


def _carry_out(request: ConsoleRequest, kind: str, owner: Owner, verb: str, typed: str, note: str) -> None:
    doors: dict[str, Callable[..., Standing]] = {
        "suspend": getattr(tenants, f"suspend_{kind}"),
        "resume": getattr(tenants, f"resume_{kind}"),
        "delete": getattr(closing, f"schedule_{kind}_deletion"),
        "keep": getattr(closing, f"undo_{kind}_deletion"),
    }
    if verb not in doors:
        raise Refused("verb_unknown", "Say what to do.", field="do")
    if verb == "delete" and typed != owner.slug:
        raise Refused("confirmation_wrong", f"confirm must be exactly {owner.slug}.", field="confirm")
    given: dict[str, Any] = {"note": note} if verb in {"suspend", "delete"} else {}
    if verb == "suspend":
        given["reason"] = clean(request.POST.get("reason", Why.WISH.value))
    doors[verb](actor=request.visitor.actor, **{f"{kind}_id": owner.pk}, **given)
