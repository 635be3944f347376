"""Finds the person behind a provider's subject, or makes them: just in time, and never by an e-mail alone."""

from __future__ import annotations

import secrets

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.db.models.functions import Now

from controlplane.identity import mapping
from controlplane.identity.models import Identity, IdentityProvider, ProviderDomain
from controlplane.identity.oidc.claims import Person
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.models import Member, User


@transaction.atomic
def welcome(*, provider: IdentityProvider, person: Person) -> User | None:
    """Return who signs in, with the roles of their groups; None for somebody who may nothing here.

    Raises Refused: user_inactive, address_taken, address_ambiguous, address_of_the_platform.
    """
    # One at a time for each provider: two first sign-ins of one subject make one person.
    IdentityProvider.objects.select_for_update(no_key=True).get(pk=provider.pk)
    identity = (
        Identity.objects.select_related("user").filter(provider=provider, subject=person.subject).first()
    )
    if identity is None:
        owner = _owner_of_address(provider, person)
        if owner is None and not mapping.role_of(provider, person.groups):
            return None  # nothing is kept of somebody who may nothing
        identity = Identity.objects.create(
            provider=provider, subject=person.subject, user=owner or _new_user(provider, person)
        )
        _note_link(provider, identity, linked=owner is not None)
    user = identity.user
    if not user.is_active:
        raise Refused("user_inactive", "Your access was ended. Ask an admin of your tenant.", status=403)
    Identity.objects.filter(pk=identity.pk).update(email=person.email, last_sign_in_at=Now())
    mapping.apply_groups(provider=provider, identity=identity, groups=person.groups)
    may_something = bool(user.platform_role) or Member.objects.filter(user=user).exists()
    return user if may_something else None


def _vouched(provider: IdentityProvider, person: Person) -> bool:
    """Whether the provider may speak for the address: it checked it, and the domain was confirmed to be its own."""
    if not person.email or not person.email_verified:
        return False
    rows = ProviderDomain.objects.filter(provider=provider, domain=person.domain, confirmed_at__isnull=False)
    return rows.exists()


def _owner_of_address(provider: IdentityProvider, person: Person) -> User | None:
    """Return the local person whose address the provider may speak for, or None."""
    if not _vouched(provider, person):
        return None
    found = list(User.objects.filter(email__iexact=person.email)[:2])
    if not found:
        return None
    if len(found) > 1:
        detail = "Several people here have your address. Ask an admin of your tenant to mend that."
        raise Refused("address_ambiguous", detail, status=409)
    if found[0].platform_role and provider.tenant_id is not None:
        detail = "Your address belongs to the platform's team, which doesn't sign in at a tenant's provider."
        raise Refused("address_of_the_platform", detail, status=403)
    if Identity.objects.filter(provider=provider, user=found[0]).exists():
        detail = (
            "Your address belonged to another account of your identity provider. Ask whoever runs this installation to "
            "release it, if it is yours now."
        )
        raise Refused("address_taken", detail, status=409)
    return found[0]


def _new_user(provider: IdentityProvider, person: Person) -> User:
    vouched = _vouched(provider, person)
    return User.objects.create(
        username=_username(provider, person, plain=vouched),
        email=person.email if vouched else "",  # an address that nobody vouches for opens no door later
        first_name=person.given_name,
        last_name=person.family_name,
        password=make_password(None),
    )


def _username(provider: IdentityProvider, person: Person, *, plain: bool) -> str:
    """The name in lists and in the audit trail: the address, or what the provider says behind its tenant's slug.

    A provider can't so put on the name of somebody else.
    """
    if plain and not User.objects.filter(username__iexact=person.email).exists():
        return person.email
    home = provider.tenant.slug if provider.tenant else "platform"
    name = f"{home}/{person.email or person.username or person.subject}"[:130]
    if not User.objects.filter(username__iexact=name).exists():
        return name
    return f"{name}-{secrets.token_hex(4)}"


def _note_link(provider: IdentityProvider, identity: Identity, *, linked: bool) -> None:
    audit.record(
        "identity.link" if linked else "user.create",
        actor=mapping.actor_of(provider),
        tenant_id=provider.tenant_id,
        target_type="user",
        target_id=identity.user_id,
        changes={"subject": identity.subject, "username": identity.user.username},
    )


@transaction.atomic
def release_subject(*, provider: IdentityProvider, user: User) -> int:
    """Forget which subject a person is at a provider, so that the next vouched address is linked anew; return how many."""
    number, _ = Identity.objects.filter(provider=provider, user=user).delete()
    if number:
        audit.record(
            "identity.release",
            actor=mapping.actor_of(provider),
            tenant_id=provider.tenant_id,
            target_type="user",
            target_id=user.id,
        )
    return number
