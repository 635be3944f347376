"""Tokens of a tenant and of its service accounts; a secret is shown on the answer to its form, once."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.views.subject import ask_which, subject_of
from controlplane.console.views.team import role_field
from controlplane.console.visitor import ConsoleRequest, require
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Permission, Role, TokenScope
from controlplane.tenants.access_models import ServiceAccount
from controlplane.tenants.models import ApiToken, Tenant
from controlplane.tenants.tokens import DEFAULT_DAYS, create_token, revoke_token, rotate_token

SCOPES = {
    TokenScope.READ: "Read",
    TokenScope.RUNTIMES: "Runtimes: request, change, delete",
    TokenScope.OPERATE: "Operate: pause, retry, cancel",
    TokenScope.ADMIN: "Admin: accounts, members, tokens",
}
OVERLAPS = {"24": "24 hours", "4": "4 hours", "1": "1 hour", "0": "Ends at once"}


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """Every token that is not revoked; admins make one here."""
    visitor = request.visitor
    require_sight(request)
    if request.method == "POST":
        require(visitor, Permission.TOKEN_MANAGE)
    tenant = subject_of(request)
    if tenant is None:
        return ask_which(request, "Tokens")
    may_manage = visitor.tenant is not None and visitor.may(Permission.TOKEN_MANAGE, tenant)
    programs = list(ServiceAccount.objects.filter(tenant=tenant, removed_at=None).order_by("name"))
    fields = _fields(request, programs)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            row, secret = _create(request, tenant, programs)
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            return show(request, "tokens/secret.html", {"token": row, "secret": secret})
    rows = ApiToken.objects.filter(tenant=tenant, revoked_at=None).select_related("service_account")
    now = utcnow()
    context = {
        "subject": tenant,
        "tokens": [
            (
                row,
                bool(row.expires_at and row.expires_at <= now),
                bool(row.previous_until and row.previous_until > now),
            )
            for row in rows.order_by("-pk")
        ],
        "programs": programs,
        "fields": fields,
        "problems": problems,
        "may_manage": may_manage,
    }
    return show(request, "tokens/index.html", context, status=422 if problems else 200)


def require_sight(request: ConsoleRequest) -> None:
    """Raise Refused 403 for whoever may not see tokens."""
    if not request.visitor.may_see_tokens:
        raise Refused("forbidden", "Only admins and owners see tokens; ask one of your tenant.", status=403)


def _fields(request: ConsoleRequest, programs: list[ServiceAccount]) -> list[Field]:
    post = request.POST
    scopes = post.getlist("scopes") if request.method == "POST" else [TokenScope.READ.value]
    program = clean(post.get("service_account", ""))
    whose = [Option("", "Mine", chosen=not program)]
    whose += [
        Option(str(row.id), f"{row.name} ({row.role})", chosen=str(row.id) == program) for row in programs
    ]
    role = role_field(request.visitor, clean(post.get("role", str(request.visitor.actor.role or "viewer"))))
    role.help = "At most your own. A service account's token has the account's role."
    return [
        Field("text", "name", "Name", "What it is for, for example terraform.", value=clean(post.get("name", "")), required=True),
        Field("select", "service_account", "Whose", "Yours end with your membership.", value=program, options=whose),
        role,
        Field(
            "checks",
            "scopes",
            "May do",
            "Of what its role may; reading is part of each.",
            options=[Option(key.value, title, chosen=key.value in scopes) for key, title in SCOPES.items()],
        ),
        Field(
            "number",
            "expires_in_days",
            "Lives for",
            f"At most {settings.TOKEN_MAX_DAYS} days.",
            value=clean(post.get("expires_in_days", str(min(DEFAULT_DAYS, settings.TOKEN_MAX_DAYS)))),
            unit="days",
            minimum=1,
            maximum=settings.TOKEN_MAX_DAYS,
            required=True,
        ),
    ]  # fmt: skip


def _create(request: ConsoleRequest, tenant: Tenant, programs: list[ServiceAccount]) -> tuple[ApiToken, str]:
    post = request.POST
    program_id = parse_uuid(post.get("service_account", ""))
    program = next((row for row in programs if row.id == program_id), None)
    if post.get("service_account") and program is None:
        raise Refused("service_account_unknown", "Choose one of the list.", field="service_account")
    role = post.get("role", "")
    return create_token(
        actor=request.visitor.actor,
        tenant=tenant,
        name=clean(post.get("name", "")),
        role=Role(role) if role in list(Role) else None,
        scopes=[TokenScope(word) for word in post.getlist("scopes") if word in list(TokenScope)],
        days=_number(post.get("expires_in_days", ""), "expires_in_days"),
        service_account=program,
    )


def _number(text: str, field: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdecimal() and len(text) < 6):  # noqa: PLR2004 - more would be no number of days
        raise Refused("number_invalid", f"{field} must be a whole number.", field=field)
    return int(text) or -1  # 0 would mean the default


@require_http_methods(["GET", "POST"])
@page
def rotate(request: ConsoleRequest, token_id: UUID) -> HttpResponse:
    """Say what rotating does, then show the new secret."""
    row = _token(request, token_id)
    require(request.visitor, Permission.TOKEN_MANAGE, row.tenant)
    overlaps = row.previous_until is not None and row.previous_until > utcnow()
    chosen = request.POST.get("overlap_hours", "0" if overlaps else "24")
    options = [
        Option(key, title, key == chosen) for key, title in OVERLAPS.items() if key == "0" or not overlaps
    ]
    about = "So long both work; then only the new one."
    field = Field("select", "overlap_hours", "The present secret lives on for", about, options=options)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            row, secret = rotate_token(
                actor=request.visitor.actor,
                token_id=token_id,
                overlap_hours=int(chosen) if chosen in OVERLAPS else -1,
            )
        except Refused as refusal:
            if refusal.status == 403:  # noqa: PLR2004
                raise
            problems = place(refusal, [field])
        else:
            return show(request, "tokens/secret.html", {"token": row, "secret": secret, "rotated": True})
    context = {"token": row, "overlaps": overlaps, "field": field, "problems": problems}
    return show(request, "tokens/rotate.html", context, status=422 if problems else 200)


@require_POST
@page
def revoke(request: ConsoleRequest, token_id: UUID) -> HttpResponse:
    """End a token at once."""
    row = revoke_token(actor=request.visitor.actor, token_id=token_id)
    messages.success(request, f"{row.name} is revoked: nobody gets in with it any more.")
    return redirect("console:tokens")


def _token(request: ConsoleRequest, token_id: UUID) -> ApiToken:
    rows = ApiToken.objects.filter(pk=token_id, tenant__isnull=False).select_related("tenant")
    if not request.visitor.actor.sees_every_tenant:
        rows = rows.filter(tenant=request.visitor.actor.tenant_id)
    row = rows.first()
    if row is None:
        raise Refused("token_not_found", "There is no such token in your tenant.", status=404)
    return row
