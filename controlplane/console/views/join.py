"""The page behind an invitation's link: looking at it does nothing, pressing the button joins."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.console.visitor import TENANT_IN_SESSION
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.invitations import Offer, accept_invitation, find_offer
from controlplane.tenants.isolation.scopes import person_scope
from controlplane.tenants.models import Tenant, User
from controlplane.tenants.services import create_user


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def form(request: HttpRequest, secret: str) -> HttpResponse:
    """Show what is offered; a new person chooses name and password, where this installation knows people by them."""
    try:
        offer = find_offer(secret)
    except Refused as refusal:
        return render(request, "console/team/no_invitation.html", {"refusal": refusal}, status=410)
    fields = _fields(request)
    problems: list[Problem] = []
    if request.method == "POST":
        try:
            _join(request, secret, offer)
        except Refused as refusal:
            problems = place(refusal, fields)
        else:
            messages.success(request, f"Welcome to {offer.tenant_name}.")
            return redirect("console:runtimes")
    fits = offer.any_address or getattr(request.user, "email", "").lower() == offer.email
    context: dict[str, Any] = {"offer": offer, "fields": fields, "problems": problems, "fits": fits}
    context["passwords"] = settings.PASSWORD_SIGN_IN
    return render(request, "console/team/join.html", context, status=422 if problems else 200)


def _fields(request: HttpRequest) -> list[Field]:
    username = clean(request.POST.get("username", "")).strip()
    return [
        Field("text", "username", "User name", "You sign in with it.", value=username, required=True),
        Field(
            "secret", "password", "Password", "At least twelve characters, and no common one.", required=True
        ),
    ]


def _join(request: HttpRequest, secret: str, offer: Offer) -> None:
    if request.user.is_authenticated:
        user = request.user
        accept_invitation(secret=secret, user=user, actor=_actor(request, user.get_username(), user))
    elif settings.PASSWORD_SIGN_IN:
        user = _new_person(request, secret, offer)
        login(request, user)
    else:
        raise Refused(
            "sign_in_first", "Sign in first, then open the link of your invitation again.", status=403
        )
    with person_scope(user.id):
        request.session[TENANT_IN_SESSION] = Tenant.objects.get(pk=offer.tenant_id).slug


def _new_person(request: HttpRequest, secret: str, offer: Offer) -> User:
    """Return a person made for this invitation, a member already; nobody is made when the invitation fails."""
    username = clean(request.POST.get("username", "")).strip()
    password = request.POST.get("password", "").replace("\0", "")
    # With a link that may have gone through many hands, nobody has proved the address.
    email = "" if offer.any_address else offer.email
    _check(User(username=username, email=email), password)
    try:
        with transaction.atomic():
            user = create_user(
                actor=_actor(request, username), username=username, password=password, email=email
            )
            accept_invitation(secret=secret, user=user, actor=_actor(request, username, user))
    except IntegrityError as error:
        raise Refused("username_taken", "username is taken; choose another.", field="username") from error
    return user


def _check(person: User, password: str) -> None:
    try:
        person.clean_fields(exclude=["password"])
        if User.objects.filter(username__iexact=person.username).exists():
            raise Refused("username_taken", "username is taken; choose another.", field="username")
    except ValidationError as error:
        raise Refused(
            "username_invalid", "username: " + " ".join(error.messages), field="username"
        ) from error
    try:
        validate_password(password, person)
    except ValidationError as error:
        raise Refused("password_weak", " ".join(error.messages), field="password") from error


def _actor(request: HttpRequest, name: str, user: User | None = None) -> Actor:
    return Actor(
        name=name,
        user_id=user.id if user else None,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )
