"""How a view answers: with a page, a fragment that is sent only when it changed, or a refusal in the console's style."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, cast
from urllib.parse import urlencode

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.template.loader import render_to_string
from django.urls import reverse

from controlplane.console.visitor import ConsoleRequest, entered
from controlplane.kernel.errors import Refused

P = ParamSpec("P")
View = Callable[Concatenate[ConsoleRequest, P], HttpResponse]

# Pages that show nothing of a tenant.
OF_NO_TENANT = frozenset(
    {"open-tenant", "close-tenant", "roles", "choose-tenant", "sessions", "end-session", "end-other-sessions"}
)
DIGITS = 16
STAYS_DRAWN_SECONDS = 10
_TEMPLATE_OF_STATUS = {403: "403.html", 404: "404.html"}


def page(view: View[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponse]:
    """Let only signed-in people in, and answer a service's refusal as a page."""

    @wraps(view)
    def answer(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponse:
        if not request.user.is_authenticated:
            return _to_sign_in(request)
        inside = cast("ConsoleRequest", request)
        with entered(request) as visitor:
            if visitor is None:
                return render(request, "console/no_tenant.html", status=403)
            inside.visitor = visitor
            try:
                response = _to_opening(inside) or view(inside, *args, **kwargs)
            except Refused as refusal:
                response = refused(inside, refusal)
        response.setdefault(
            "Cache-Control", "no-store"
        )  # the back button must not show another person's rows
        return response

    return cast("Callable[Concatenate[HttpRequest, P], HttpResponse]", answer)


def _to_opening(request: ConsoleRequest) -> HttpResponse | None:
    """Let support say which tenant it looks into, and why, before anything of one is shown; None when that is said."""
    match = request.resolver_match
    if not request.visitor.must_open or match is None or match.url_name in OF_NO_TENANT:
        return None
    if request.method not in ("GET", "HEAD"):
        detail = "Support looks and changes nothing; open a tenant first, and say why."
        raise Refused("forbidden", detail, status=403)
    address = reverse("console:open-tenant")
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    return redirect(address + "?" + urlencode({"next": request.get_full_path()}))


def _to_sign_in(request: HttpRequest) -> HttpResponse:
    address = reverse("console:sign-in")
    if request.headers.get("HX-Request"):
        return HttpResponse(headers={"HX-Redirect": address})
    if request.method in ("GET", "HEAD") and request.get_full_path() != "/":
        address += "?" + urlencode({"next": request.get_full_path()})
    return redirect(address)


def show(
    request: ConsoleRequest, template: str, context: Mapping[str, Any] | None = None, *, status: int = 200
) -> HttpResponse:
    """Answer with a page."""
    return render(
        request, f"console/{template}", {"visitor": request.visitor, **(context or {})}, status=status
    )


def refused(request: ConsoleRequest, refusal: Refused) -> HttpResponse:
    """Answer with what was refused and what to do about it."""
    template = _TEMPLATE_OF_STATUS.get(refusal.status, "console/refused.html")
    context = {"visitor": request.visitor, "refusal": refusal}
    response = render(request, template, context, status=refusal.status)
    return tell_when(response, refusal)


def tell_when(response: HttpResponse, refusal: Refused) -> HttpResponse:
    """Say in a header when to try again, where the refusal knows it."""
    if refusal.retry_after_seconds is not None:
        response["Retry-After"] = str(refusal.retry_after_seconds)
    return response


def show_live(
    request: ConsoleRequest,
    template: str,
    context: Mapping[str, Any] | Callable[[], Mapping[str, Any]],
    *,
    stamp: str = "",
    beside: Callable[[], str] = str,
) -> HttpResponse:
    """Answer a poll with the fragment, or 204 (htmx then touches nothing) when the caller shows this very one.

    With a `stamp` of the rows behind it, a fragment that was drawn a moment ago from the same ones is not drawn again: pages
    ask every second, and only relative times change meanwhile. `beside` draws what is to be put elsewhere into the page with it.
    """
    seen = request.GET.get("seen", "")[:DIGITS]
    if stamp and seen and cache.get(_drawn(seen)) == stamp:
        return HttpResponse(status=204)
    html, digest = fragment(request, template, context() if callable(context) else context)
    if stamp:
        cache.set(_drawn(digest), stamp, STAYS_DRAWN_SECONDS)
    return HttpResponse(status=204) if seen == digest else HttpResponse(html + beside())


def _drawn(digest: str) -> str:
    return f"drawn:{digest if digest.isalnum() else ''}"


def fragment(request: ConsoleRequest, template: str, context: Mapping[str, Any]) -> tuple[str, str]:
    """Return a live part and the digest that its next poll carries; the digest is put where {digest} stands."""
    html = render_to_string(f"console/{template}", {"visitor": request.visitor, **context}, request)
    digest = hashlib.sha256(html.encode()).hexdigest()[:DIGITS]
    return html.replace("{digest}", digest), digest
