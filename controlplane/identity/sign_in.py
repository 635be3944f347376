"""A person's way through a provider: sent there, back again, and in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any
from uuid import UUID

import structlog
from django.contrib.auth import login
from django.db import transaction
from django.http import HttpRequest

from controlplane.identity import people, sessions
from controlplane.identity.models import IdentityProvider, ProviderDomain, UserSession
from controlplane.identity.oidc import flow
from controlplane.identity.oidc.claims import Person, read_person
from controlplane.identity.oidc.discovery import metadata_of
from controlplane.identity.oidc.tokens import read_logout_token
from controlplane.identity.providers import client_of
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import User

log = structlog.get_logger(__name__)

QUESTIONS = "sign-in"  # in the session's data: what was asked and not yet answered, by provider
ANSWERED_WITHIN = timedelta(minutes=10)
MOST_QUESTIONS = 5
BACKEND = "django.contrib.auth.backends.ModelBackend"


def platform_providers() -> list[IdentityProvider]:
    """Return the providers that everybody is offered: the platform's own."""
    with platform_scope():
        return list(IdentityProvider.objects.filter(tenant=None, enabled=True).order_by("name"))


def anybody_routes() -> bool:
    """Whether an address can lead to any provider at all."""
    with platform_scope():
        return ProviderDomain.objects.filter(confirmed_at__isnull=False, provider__enabled=True).exists()


def provider_of_address(email: str) -> IdentityProvider | None:
    """Return the provider that an e-mail address leads to, by its confirmed domain (rides on domain_confirmed_once)."""
    domain = email.rpartition("@")[2].strip().lower()
    with platform_scope():
        row = (
            ProviderDomain.objects.filter(domain=domain, confirmed_at__isnull=False, provider__enabled=True)
            .select_related("provider")
            .first()
        )
    return row.provider if row else None


def enabled_provider(text: str) -> IdentityProvider | None:
    """Return the provider with this id, as an address carries it, or None."""
    try:
        provider_id = UUID(text)
    except ValueError:
        return None
    with platform_scope():
        return IdentityProvider.objects.filter(pk=provider_id, enabled=True).first()


def begin(request: HttpRequest, *, provider_id: UUID, redirect_uri: str, target: str) -> str:
    """Return where to send the person; what they must bring back is kept in their session alone."""
    provider = _usable(provider_id)
    address, question = flow.ask(client_of(provider, redirect_uri))
    asked: dict[str, Any] = request.session.get(QUESTIONS, {})
    asked[str(provider.id)] = {**asdict(question), "target": target, "at": utcnow().timestamp()}
    latest = sorted(asked.items(), key=lambda entry: entry[1]["at"])[-MOST_QUESTIONS:]
    request.session[QUESTIONS] = dict(latest)
    return address


def finish(request: HttpRequest, *, provider_id: UUID, redirect_uri: str, returned: Mapping[str, str]) -> str:
    """Sign the person in who came back, and return where they wanted to go; raises Refused with what to tell them."""
    question, target = _taken_question(request, provider_id)
    provider = _usable(provider_id)
    claims = flow.redeem(client_of(provider, redirect_uri), question, returned)
    person = read_person(claims, groups_claim=provider.groups_claim)
    if person.groups_elsewhere:
        detail = (
            "You are in so many groups that the identity provider does not list them. Ask whoever runs it to send only "
            "the groups that this application is given."
        )
        raise Refused("groups_elsewhere", detail, status=403)
    with platform_scope():
        user = people.welcome(provider=provider, person=person)
        if user is None:
            _note_stranger(request, provider, person)
            raise Refused("no_role", _whom_to_ask(provider), status=403)
        _enter(request, provider, person, user)
    return target


@transaction.atomic
def _enter(request: HttpRequest, provider: IdentityProvider, person: Person, user: User) -> None:
    old = request.session.session_key
    if old:
        sessions.drop_session(old)
    request.session.flush()  # nothing of whoever used this browser before stays
    login(request, user, backend=BACKEND)
    sessions.note_session(
        request, user, provider_id=provider.id, subject=person.subject, provider_session=person.session
    )
    audit.record(
        "session.begin",
        actor=_actor(request, user.get_username(), user.id),
        tenant_id=provider.tenant_id,
        target_type="user",
        target_id=user.id,
        changes={"provider": provider.name},
    )


def _taken_question(request: HttpRequest, provider_id: UUID) -> tuple[flow.Question, str]:
    """Take what was asked out of the session: an answer counts once, here, and soon."""
    asked: dict[str, Any] = request.session.get(QUESTIONS, {})
    kept = asked.pop(str(provider_id), None)
    request.session[QUESTIONS] = asked
    # Saved at once: a second answer that arrives meanwhile must not find it.
    if request.session.session_key:
        request.session.save()
    if kept is None or utcnow().timestamp() - kept["at"] > ANSWERED_WITHIN.total_seconds():
        detail = "This sign-in was not begun in this browser, was finished already, or took too long. Sign in again."
        raise Refused("sign_in_unknown", detail, status=403)
    return flow.Question(kept["state"], kept["nonce"], kept["verifier"]), str(kept["target"])


def _usable(provider_id: UUID) -> IdentityProvider:
    with platform_scope():
        provider = (
            IdentityProvider.objects.filter(pk=provider_id, enabled=True).select_related("tenant").first()
        )
    if provider is None:
        detail = "There is no such identity provider, or it is switched off."
        raise Refused("provider_not_found", detail, status=404)
    return provider


def _whom_to_ask(provider: IdentityProvider) -> str:
    home = provider.tenant.name if provider.tenant else "the platform"
    whom = provider.contact or f"an admin of {home}"
    return (
        f"You are known to {provider.name}, but none of your groups gives you a role in {home}. Ask {whom}."
    )


def _note_stranger(request: HttpRequest, provider: IdentityProvider, person: Person) -> None:
    audit.record(
        "session.refuse",
        actor=_actor(request, f"subject:{person.subject}", None),
        tenant_id=provider.tenant_id,
        target_type="identity_provider",
        target_id=provider.id,
        changes={"code": "no_role", "email": person.email},
    )


def _actor(request: HttpRequest, name: str, user_id: UUID | None) -> Actor:
    return Actor(
        name=name,
        user_id=user_id,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )


def end_by_provider(*, provider_id: UUID, logout_token: str) -> int:
    """End the sessions that a provider's signed word names (OpenID Connect Back-Channel Logout 1.0); return how many."""
    provider = _usable(provider_id)
    metadata = metadata_of(provider.issuer)
    claims = read_logout_token(logout_token, metadata=metadata, client_id=provider.client_id)
    rows = UserSession.objects.filter(provider=provider)
    if isinstance(claims.get("sub"), str):
        rows = rows.filter(subject=claims["sub"])
    if isinstance(claims.get("sid"), str):
        rows = rows.filter(provider_session=claims["sid"])
    number, _ = rows.delete()
    log.info("sessions_ended_by_provider", provider=str(provider.id), sessions=number)
    return number
