"""Who belongs to a tenant, who is invited, and what each role may do."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.views.subject import ask_which, subject_of
from controlplane.console.visitor import ConsoleRequest, Visitor, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Permission, PlatformRole, Role
from controlplane.tenants.access_models import Invitation
from controlplane.tenants.addresses import base_of
from controlplane.tenants.invitations import AddressOf, invite, revoke_invitation, send_again
from controlplane.tenants.members import change_role, leave, remove_member
from controlplane.tenants.models import Member, Tenant
from controlplane.tenants.rights import rights

TOO_MANY = 429
ROLE_HELP = "A role that may do more than yours is not offered."


def role_field(visitor: Visitor, chosen: str) -> Field:
    """The roles that this person may give."""
    tenant = visitor.tenant
    given = [role for role in Role if tenant and visitor.actor.may_grant(role, tenant_id=tenant.id)]
    options = [Option(role.value, role.value.capitalize(), chosen=role.value == chosen) for role in given]
    return Field("select", "role", "Role", ROLE_HELP, value=chosen, required=True, options=options)


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Members and open invitations; admins invite here."""
    tenant = subject_of(request)
    if request.method == "POST":
        require(request.visitor, Permission.MEMBER_MANAGE)
    if tenant is None:
        return ask_which(request, "Team")
    fields = _fields(request)
    email, role, anybody = (field.value for field in fields)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            _invite(request, email, role, anybody)
        except Refused as refusal:
            if refusal.status == TOO_MANY:
                raise
            problems = place(refusal, fields)
        else:
            messages.success(request, f"Invited: {email}.")
            return redirect("console:team")
    members = Member.objects.filter(tenant=tenant).select_related("user").order_by("user__username")
    open_ones = Invitation.objects.filter(tenant=tenant, accepted_at=None, revoked_at=None).order_by("-pk")
    context = {
        "subject": tenant,
        "members": members,
        "invitations": [(row, row.expires_at <= utcnow()) for row in open_ones],
        "fields": fields,
        "problems": problems,
        "may_manage": _may(request.visitor, Permission.MEMBER_MANAGE, tenant),
    }
    return show(request, "team/index.html", context, status=422 if problems else 200)


def _fields(request: ConsoleRequest) -> list[Field]:
    email, role = clean(request.POST.get("email", "")).strip(), clean(request.POST.get("role", "developer"))
    about = "The link goes there and works once."
    return [
        Field("text", "email", "E-mail address", about, value=email, required=True),
        role_field(request.visitor, role),
        Field(
            "switch",
            "any_address",
            "Whoever has the link may accept",
            "Also with another address.",
            value=request.POST.get("any_address") == "on",
        ),
    ]


def _may(visitor: Visitor, permission: Permission, tenant: Tenant) -> bool:
    return visitor.tenant is not None and visitor.may(permission, tenant)


def _invite(request: ConsoleRequest, email: str, role: str, anybody: bool) -> None:
    tenant = require(request.visitor, Permission.MEMBER_MANAGE)
    invite(
        actor=request.visitor.actor,
        tenant=tenant,
        email=email,
        role=_role(role),
        any_address=anybody,
        address_of=_address_of(request),
    )


def _role(text: str) -> Role:
    if text not in list(Role):
        raise Refused("role_unknown", "role must be one of the list.", field="role")
    return Role(text)


def _address_of(request: ConsoleRequest) -> AddressOf:
    base = base_of(request)
    return lambda secret: base + reverse("console:join", args=[secret])


def _member(request: ConsoleRequest, user_id: UUID) -> Member:
    """Return a member of the visitor's tenant; raises Refused 404."""
    rows = Member.objects.filter(user=user_id).select_related("user", "tenant")
    if not request.visitor.actor.sees_every_tenant:
        rows = rows.filter(tenant=request.visitor.actor.tenant_id)
    row: Member | None = rows.first()
    if row is None:
        raise Refused("member_not_found", "There is no such member in this tenant.", status=404)
    return row


@require_http_methods(["GET", "POST"])
@page
def member(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    """Give a member another role; from here they are removed, too."""
    row = _member(request, user_id)
    require(request.visitor, Permission.MEMBER_MANAGE, row.tenant)
    field = role_field(request.visitor, clean(request.POST.get("role", row.role)))
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            change_role(
                actor=request.visitor.actor,
                tenant_id=row.tenant_id,
                user_id=user_id,
                role=_role(request.POST.get("role", "")),
            )
        except Refused as refusal:
            problems = place(refusal, [field])
        else:
            messages.success(request, f"{row.user.username} is {request.POST['role']} now.")
            return redirect("console:team")
    may_touch = row.role != Role.OWNER or request.visitor.actor.may(Permission.OWNER_MANAGE)
    context = {"member": row, "field": field, "problems": problems, "may_touch": may_touch}
    return show(request, "team/member.html", context, status=422 if problems else 200)


@require_POST
@page
def remove(request: ConsoleRequest, user_id: UUID) -> HttpResponse:
    """End a membership."""
    row = _member(request, user_id)
    require(request.visitor, Permission.MEMBER_MANAGE, row.tenant)
    remove_member(actor=request.visitor.actor, tenant_id=row.tenant_id, user_id=user_id)
    messages.success(request, f"{row.user.username} is no member any more.")
    return redirect("console:team")


@require_POST
@page
def leave_tenant(request: ConsoleRequest) -> HttpResponse:
    """End one's own membership."""
    visitor = request.visitor
    if visitor.tenant is None or visitor.actor.role is None:
        raise Refused("forbidden", "You are no member of this tenant.", status=403)
    leave(actor=visitor.actor, tenant_id=visitor.tenant.id)
    messages.success(request, f"You have left {visitor.tenant.name}.")
    return redirect("console:runtimes")


@require_POST
@page
def resend(request: ConsoleRequest, invitation_id: UUID) -> HttpResponse:
    """Send a new link."""
    row = send_again(
        actor=request.visitor.actor, invitation_id=invitation_id, address_of=_address_of(request)
    )
    messages.success(request, f"A new link is on its way to {row.email}; the former one is dead.")
    return redirect("console:team")


@require_POST
@page
def revoke(request: ConsoleRequest, invitation_id: UUID) -> HttpResponse:
    """Make a link worthless."""
    row = revoke_invitation(actor=request.visitor.actor, invitation_id=invitation_id)
    messages.success(request, f"The invitation of {row.email} is worthless now.")
    return redirect("console:team")


@require_GET
@page
def roles(request: ConsoleRequest) -> HttpResponse:
    """The permission table."""
    team = [role for role in PlatformRole if role]
    return show(request, "team/roles.html", {"rights": rights(), "roles": list(Role), "platform_roles": team})
