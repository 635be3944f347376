"""Sign in and out, choose the tenant to work in and how the pages look."""

from __future__ import annotations

from datetime import timedelta
from urllib.parse import urlencode

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console import attempts
from controlplane.console.pages import page
from controlplane.console.visitor import EVERY_TENANT, TENANT_IN_SESSION, ConsoleRequest, forget_opening
from controlplane.identity.sessions import drop_session, leave_session, note_password_session
from controlplane.identity.sign_in import anybody_routes, platform_providers
from controlplane.tenants.audit.denials import Denial, note_denial
from controlplane.tenants.models import User

THEMES = ("light", "dark")
THEME_COOKIE = "theme"
YEAR_SECONDS = int(timedelta(days=365).total_seconds())


@never_cache
@sensitive_post_parameters("password")
@require_http_methods(["GET", "POST"])
def sign_in(request: HttpRequest) -> HttpResponse:
    """Ask for name and password, where this installation knows people by them."""
    target = safe_next(request)
    if request.method == "GET":
        return redirect(target) if request.user.is_authenticated else sign_in_page(request, target)
    if not settings.PASSWORD_SIGN_IN:
        return sign_in_page(request, target, status=403)
    username = request.POST.get("username", "").replace("\0", "").strip()[:150]
    problem = _problem(request, username)
    if problem:
        _note_failure(request, username)
        return sign_in_page(request, target, username=username, problem=problem, status=422)
    return redirect(target)


def sign_in_page(request: HttpRequest, target: str, *, status: int = 200, **typed: str) -> HttpResponse:
    """Answer with every way in that this installation offers."""
    ways = {
        "passwords": settings.PASSWORD_SIGN_IN,
        "providers": platform_providers(),
        "by_address": anybody_routes(),
    }
    if not any(ways.values()):
        return render(request, "console/sign_in_elsewhere.html", status=status)
    context = {"next": target, "is_demo": settings.EMBEDDED, **ways, **typed}
    return render(request, "console/sign_in.html", context, status=status)


def _problem(request: HttpRequest, username: str) -> str:
    """Sign the person in, or say why not."""
    password = request.POST.get("password", "").replace("\0", "")
    if not username or not password:
        return "Enter your user name and your password."
    address = request.META.get("REMOTE_ADDR", "")
    if attempts.too_many(username, address):
        return "Too many attempts with this name or from your address. Wait five minutes, then try again."
    user = authenticate(request, username=username, password=password)
    if user is None:
        attempts.failed(username, address)
        return "User name or password is wrong. Check both, and that Caps Lock is off."
    attempts.succeeded(username, address)
    drop_session(str(request.session.session_key))
    login(request, user)
    note_password_session(request, user)
    return ""


def _note_failure(request: HttpRequest, username: str) -> None:
    """Leave a trace; a name that nobody has is not written down, for it may be a password typed too early."""
    known = User.objects.filter(username=username).exists()
    name = username if known else "unknown name"
    note_denial(request, Denial("session.refuse", "user", name, "sign_in_failed", actor_name=name))


@require_POST
def sign_out(request: HttpRequest) -> HttpResponse:
    """End the session; somebody who came from a provider is told how to sign out there too."""
    row = leave_session(request)
    logout(request)
    if row is not None and row.provider_id is not None:
        return redirect(reverse("console:signed-out") + "?" + urlencode({"from": str(row.provider_id)}))
    return redirect("console:sign-in")


@require_POST
@page
def choose_tenant(request: ConsoleRequest) -> HttpResponse:
    """Work in another of the person's tenants from now on."""
    chosen = request.POST.get("tenant", "")
    visitor = request.visitor
    everything = chosen == EVERY_TENANT and visitor.may_see_all
    if everything or any(tenant.slug == chosen for tenant in visitor.tenants):
        request.session[TENANT_IN_SESSION] = chosen
        forget_opening(request)
    return redirect("console:runtimes")


@require_POST
def choose_theme(request: HttpRequest) -> HttpResponse:
    """Remember light or dark; anything else follows the device again."""
    response = redirect(safe_next(request))
    theme = request.POST.get("theme", "")
    if theme in THEMES:
        response.set_cookie(
            THEME_COOKIE, theme, max_age=YEAR_SECONDS, samesite="Lax", secure=request.is_secure()
        )
    else:
        response.delete_cookie(THEME_COOKIE)
    return response


def safe_next(request: HttpRequest) -> str:
    """Where to go on: an address of this site only, or the list of runtimes."""
    asked = request.POST.get("next") or request.GET.get("next") or ""
    here = url_has_allowed_host_and_scheme(
        asked, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return asked if here else reverse("console:runtimes")
