"""A stranger's pages: sign up for a trial, open the link, sign in by mail. All of them work without a script."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from csp.decorators import csp_replace
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.clickjacking import xframe_options_exempt
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from controlplane.console.fields.problems import place
from controlplane.console.fields.tree import Field, Option
from controlplane.identity.sessions import drop_session, note_session
from controlplane.kernel.errors import Refused
from controlplane.tenants.addresses import base_of
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import User
from controlplane.trials.confirm import begun_with, confirm, find_link
from controlplane.trials.offer import open_regions
from controlplane.trials.sign_in import ask_for_link, link_over, use_link, used_by
from controlplane.trials.sign_up import Wish, ask_for_trial
from controlplane.trials.states import SENTENCES, Reason
from controlplane.trials.terms import terms

BACKEND = "django.contrib.auth.backends.ModelBackend"
LONGEST = 400  # of what a form may bring: the rooms below say what fits


@csrf_exempt  # a page of another website may frame this form, where no cookie of ours is sent; it acts for nobody
@require_http_methods(["GET", "POST"])
def sign_up(request: HttpRequest) -> HttpResponse:
    """The form that another website may show in a frame, where TRIAL_FRAME_ANCESTORS names it."""
    allowed = settings.TRIAL_FRAME_ANCESTORS
    if not allowed:
        return _sign_up(request)
    framed = xframe_options_exempt(csp_replace({"frame-ancestors": allowed})(_sign_up))
    return cast("HttpResponse", framed(request))


def _sign_up(request: HttpRequest) -> HttpResponse:
    given = {name: request.POST.get(name, "").strip()[:LONGEST] for name in ("email", "company", "region")}
    fields = _fields(given)
    context: dict[str, Any] = {
        "fields": fields,
        "days": terms().length.days,
        "embedded": "embed" in request.GET,
        "email": given["email"],
        "mailbox": settings.EMBEDDED,  # the demo sends nothing, so it says where to look
    }
    if request.method == "GET":
        return render(request, "console/trial/sign_up.html", context)
    answer = request.POST.get("challenge", "")[:LONGEST]
    client = request.META.get("REMOTE_ADDR", "")
    try:
        ask_for_trial(Wish(**given, client=client, base=base_of(request), challenge=answer))
    except Refused as refusal:
        if refusal.code == "challenge_required":
            context["challenge"] = refusal.errors[0].detail
        else:
            context["problems"] = place(refusal, fields)
        return render(request, "console/trial/sign_up.html", context, status=refusal.status)
    return render(request, "console/trial/sent.html", context)


def _fields(given: dict[str, str]) -> list[Field]:
    with platform_scope():
        regions = [Option(name, title, chosen=name == given["region"]) for name, title in open_regions()]
    return [
        Field("email", "email", "E-mail", "We send a link to it. Best one of your organisation.", given["email"],
              required=True),
        Field("text", "company", "Company", "Your team's space will be called so.", given["company"], required=True),
        Field("select", "region", "Region", "Where your runtime will be.", options=regions, required=True),
    ]  # fmt: skip


@never_cache
@sensitive_variables("token")
@require_http_methods(["GET", "POST"])
def confirm_link(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for one press of a button: programs that look through mail open links, but press nothing."""
    try:
        if request.method == "GET":
            return render(request, "console/trial/confirm.html", {"sign_up": find_link(token)})
        done = confirm(token)
    except Refused as refusal:
        trial = begun_with(token)
        return _over(request, refusal, trial.owner_id if trial else None)
    if done.trial is None:
        told = SENTENCES[Reason(done.sign_up.reason)]
        return render(request, "console/trial/none.html", {"detail": told}, status=409)
    _enter(request, done.trial.owner)
    messages.success(request, "Your address is confirmed.")
    return redirect("console:trial-mine")


@never_cache
@require_http_methods(["GET", "POST"])
def ask_link(request: HttpRequest) -> HttpResponse:
    """Have a link sent that signs in; the answer is the same for every address."""
    email = request.POST.get("email", "").strip()[:LONGEST]
    field = Field("email", "email", "E-mail", "The one that you signed up with.", email, required=True)
    problems: list[Any] = []
    if request.method == "POST":
        try:
            ask_for_link(email=email, client=request.META.get("REMOTE_ADDR", ""), base=base_of(request))
        except Refused as refusal:
            problems = place(refusal, [field])
        else:
            context = {"email": email, "mailbox": settings.EMBEDDED}
            return render(request, "console/trial/link_sent.html", context)
    context = {"field": field, "problems": problems}
    return render(request, "console/trial/sign_in.html", context, status=422 if problems else 200)


@never_cache
@sensitive_variables("token")
@require_http_methods(["GET", "POST"])
def open_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in with one press, once."""
    if request.method == "GET":
        if whose := used_by(token):
            return _over(request, link_over(), whose)
        return render(request, "console/trial/open_link.html")
    try:
        user = use_link(token, client=request.META.get("REMOTE_ADDR", ""))
    except Refused as refusal:
        return _over(request, refusal, used_by(token))
    _enter(request, user)
    return redirect("console:trial-mine")


def _over(request: HttpRequest, refusal: Refused, whose: UUID | None) -> HttpResponse:
    """Bring whom a link let in already to where it led; tell others that it is over, and whether it was used."""
    if whose is not None and request.user.pk == whose:
        return redirect("console:trial-mine")
    context = {"refusal": refusal, "used": whose is not None}
    return render(request, "console/trial/over.html", context, status=refusal.status)


def _enter(request: HttpRequest, user: User) -> None:
    """Begin the person's session, which they see among their sessions and can end there; another's in this browser ends."""
    with platform_scope():
        drop_session(str(request.session.session_key))
        login(request, user, backend=BACKEND)
        note_session(request, user)
