"""How a tenant or an account stands: suspend, resume, delete it, undo that; each is explained before it is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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
from controlplane.tenants.tenant import rename_tenant
from provisioner.lifecycle import closing, tenants
from provisioner.lifecycle.following import progress
from provisioner.lifecycle.models import Standing, Why
from provisioner.lifecycle.tenants import Owner, of, open_standing

SAID = {
    "suspend": "{name} is suspended; its runtimes follow.",
    "resume": "{name} is resumed; its runtimes follow.",
    "delete": "The deletion of {name} is scheduled.",
    "keep": "{name} is kept.",
    "rename": "It is called {name} now.",
}
WORDS = {why.value: why.label for why in Why}


@require_http_methods(["GET", "POST"])
@page
def detail(request: ConsoleRequest, kind: str, owner_id: UUID) -> HttpResponse:
    """Say how it stands and how far its runtimes are, and offer what this person may do."""
    owner = _owner(request, kind, owner_id)
    may = _may(request, owner)
    fields = _fields(request, owner, may)
    problems: list[Problem] = []
    if request.method == "POST":
        verb = clean(request.POST.get("do", ""))
        try:
            now = _carry_out(request, kind, owner, verb, fields)
        except Refused as refusal:
            if refusal.status == 403:  # noqa: PLR2004
                raise
            problems = place(refusal, list(fields.values()))
        else:
            messages.success(request, SAID[verb].format(name=now.name))
            return redirect("console:standing", kind=kind, owner_id=owner_id)
    context = {
        **_told(owner, kind),
        **may,
        **fields,
        "problems": problems,
        "undo_days": closing.undo_days(),
    }
    return show(request, "standing/detail.html", context, status=422 if problems else 200)


def _fields(request: ConsoleRequest, owner: Owner, may: dict[str, bool]) -> dict[str, Field]:
    """What may be typed, by its name."""
    typed = {key: clean(request.POST.get(key, "")) for key in ("confirm", "note", "name")}
    about = f"Type {owner.slug} to confirm."
    reasons = [
        Option(why.value, why.label.capitalize())
        for why in Why
        if why and (may["platform"] or why is Why.WISH)
    ]
    called = typed["name"].strip() if "name" in request.POST else owner.name
    return {
        "confirm": Field("text", "confirm", "Its slug", about, value=typed["confirm"].strip(), required=True),
        "reason": Field("select", "reason", "Why", options=reasons),
        "note": Field("text", "note", "Note", "Everybody of the tenant can read it.", value=typed["note"]),
        "name": Field("text", "name", "Name", "As people know it.", value=called, required=True),
    }


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


def _carry_out(
    request: ConsoleRequest, kind: str, owner: Owner, verb: str, fields: Mapping[str, Field]
) -> Owner:
    """Go through the door that the verb names, and return the owner as it is called then."""
    doors: dict[str, Callable[..., Standing]] = {
        "suspend": getattr(tenants, f"suspend_{kind}"),
        "resume": getattr(tenants, f"resume_{kind}"),
        "delete": getattr(closing, f"schedule_{kind}_deletion"),
        "keep": getattr(closing, f"undo_{kind}_deletion"),
    }
    actor = request.visitor.actor
    if verb == "rename" and isinstance(owner, Tenant):
        return rename_tenant(actor=actor, tenant_id=owner.pk, name=str(fields["name"].value))
    if verb not in doors:
        raise Refused("verb_unknown", "Say what to do.", field="do")
    if verb == "delete" and fields["confirm"].value != owner.slug:
        raise Refused("confirmation_wrong", f"confirm must be exactly {owner.slug}.", field="confirm")
    given: dict[str, Any] = {"note": fields["note"].value} if verb in {"suspend", "delete"} else {}
    if verb == "suspend":
        given["reason"] = clean(request.POST.get("reason", Why.WISH.value))
    doors[verb](actor=actor, **{f"{kind}_id": owner.pk}, **given)
    return owner
