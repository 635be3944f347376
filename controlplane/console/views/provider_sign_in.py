"""Sign in with an identity provider: sent there, back again; and what a provider says when a person signs out there."""

from __future__ import annotations

from urllib.parse import urlencode
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_post_parameters, sensitive_variables
from django.views.decorators.http import require_GET, require_POST

from controlplane.console.views.session import safe_next, sign_in_page
from controlplane.identity import sign_in
from controlplane.identity.oidc.discovery import try_metadata
from controlplane.kernel.errors import Refused
from controlplane.tenants.addresses import base_of

LONGEST_EMAIL = 254


def redirect_uri(request: HttpRequest, provider_id: UUID) -> str:
    """Return the one address that a provider sends people back to; it names the provider, so answers can't be mixed up."""
    return base_of(request) + reverse("console:sign-in-callback", args=[provider_id])


@never_cache
@require_POST
def company(request: HttpRequest) -> HttpResponse:
    """Lead an e-mail address to the provider of its domain."""
    email = request.POST.get("email", "").replace("\0", "").strip()[:LONGEST_EMAIL]
    provider = sign_in.provider_of_address(email)
    target = safe_next(request)
    if provider is None:
        domain = email.rpartition("@")[2]
        problem = f"No identity provider is registered for “{domain}”. Check the address, or ask whoever invited you."
        return sign_in_page(request, target, email=email, email_problem=problem, status=422)
    # A page and not a redirect: the content policy holds a form, and where its answer leads, to this site.
    address = reverse("console:sign-in-with", args=[provider.id]) + "?" + urlencode({"next": target})
    return render(request, "console/sign_in_onward.html", {"provider": provider, "address": address})


@never_cache
@require_GET
def with_provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Send a person to a provider."""
    target = safe_next(request)
    try:
        address = sign_in.begin(
            request,
            provider_id=provider_id,
            redirect_uri=redirect_uri(request, provider_id),
            target=target,
        )
    except Refused as refusal:
        return _problem(request, refusal)
    return redirect(address)


@never_cache
@require_GET
@sensitive_variables()
def callback(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """Let a person in who comes back from a provider, or say why not."""
    try:
        target = sign_in.finish(
            request,
            provider_id=provider_id,
            redirect_uri=redirect_uri(request, provider_id),
            returned={key: str(value)[:4096] for key, value in request.GET.items()},
        )
    except Refused as refusal:
        return _problem(request, refusal)
    return redirect(target)


def _problem(request: HttpRequest, refusal: Refused) -> HttpResponse:
    return render(request, "console/sign_in_problem.html", {"refusal": refusal}, status=refusal.status)


@never_cache
@require_GET
def signed_out(request: HttpRequest) -> HttpResponse:
    """Say that the session is over, and where else the person may still be signed in."""
    provider = sign_in.enabled_provider(request.GET.get("from", ""))
    metadata = try_metadata(provider.issuer) if provider else None
    if provider is None or metadata is None or not metadata.end_session_endpoint:
        return redirect("console:sign-in")
    back = base_of(request) + reverse("console:sign-in")
    joint = "&" if "?" in metadata.end_session_endpoint else "?"
    address = (
        metadata.end_session_endpoint
        + joint
        + urlencode({"client_id": provider.client_id, "post_logout_redirect_uri": back})
    )
    return render(request, "console/signed_out.html", {"provider": provider, "address": address})


@csrf_exempt  # it comes from the provider, and its signature is checked
@never_cache
@require_POST
@sensitive_post_parameters("logout_token")
def ended_by_provider(request: HttpRequest, provider_id: UUID) -> HttpResponse:
    """End the sessions of somebody who signed out at the provider (OpenID Connect Back-Channel Logout 1.0)."""
    try:
        sign_in.end_by_provider(
            provider_id=provider_id, logout_token=request.POST.get("logout_token", "").replace("\0", "")
        )
    except Refused as refusal:
        return HttpResponse(refusal.code, status=400, content_type="text/plain")
    return HttpResponse()
