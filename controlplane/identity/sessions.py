"""The sessions of people: begun, seen, listed, ended."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from controlplane.identity import queries
from controlplane.identity.models import UserSession
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission, Role, TokenScope
from controlplane.tenants.models import ApiToken, Member, User

SEEN_GRAIN = timedelta(minutes=5)  # one write per session and grain, not one per request
KNOWN = "known"  # in the session's data: it has a row, so without one it is over
FORGOTTEN_AT_ONCE = 100
_SYSTEMS = [("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"),
            ("Mac OS X", "macOS"), ("CrOS", "ChromeOS"), ("Linux", "Linux")]  # fmt: skip
_BROWSERS = [("Edg", "Edge"), ("OPR", "Opera"), ("Firefox", "Firefox"), ("FxiOS", "Firefox"), ("CriOS", "Chrome"),
             ("Chrome", "Chrome"), ("Safari", "Safari")]  # fmt: skip


def digest_of(key: str) -> bytes:
    """Return what is kept of a session's key."""
    return hashlib.sha256(key.encode()).digest()


def short_agent(text: str) -> str:
    """Name browser and system, as far as a User-Agent tells: “Firefox on Linux”."""
    browser = next((name for sign, name in _BROWSERS if sign + "/" in text), "")
    system = next((name for sign, name in _SYSTEMS if sign in text), "")
    if browser and system:
        return f"{browser} on {system}"
    plain = re.sub(r"[^A-Za-z0-9 ._-]", " ", text).strip().partition(" ")[0][:40]
    return browser or system or plain or "Unknown device"


@transaction.atomic
def note_session(
    request: HttpRequest,
    user: User,
    *,
    provider_id: UUID | None = None,
    subject: str = "",
    provider_session: str = "",
) -> None:
    """Write the row of a session that has begun, and forget some that are over; `login()` has rotated its key."""
    now = utcnow()
    if request.session.session_key is None:
        request.session.save()
    row = UserSession(
        user=user,
        digest=digest_of(str(request.session.session_key)),
        provider_id=provider_id,
        subject=subject,
        provider_session=provider_session,
        agent=short_agent(request.headers.get("User-Agent", "")),
        address=request.META.get("REMOTE_ADDR", "")[:64],
        began_at=now,
        seen_at=now,
        expires_at=now + timedelta(seconds=settings.SESSION_COOKIE_AGE),
    )
    UserSession.objects.bulk_create([row], ignore_conflicts=True)
    request.session[KNOWN] = True
    _forget_some()


@transaction.atomic
def note_password_session(request: HttpRequest, user: User) -> None:
    """The same for somebody who gave a password; it leaves its trace, as a sign-in with a provider does."""
    note_session(request, user)
    audit.record(
        "session.begin",
        actor=_person(request, user),
        tenant_id=None,  # a person may belong to several
        target_type="user",
        target_id=user.id,
        changes={"provider": "password"},
    )


def _person(request: HttpRequest, user: User) -> Actor:
    return Actor(
        name=user.get_username(),
        user_id=user.id,
        request_id=getattr(request, "request_id", ""),
        address=request.META.get("REMOTE_ADDR", ""),
    )


def _forget_some() -> None:
    """Each beginning forgets more than it adds, so that nothing piles up and nobody has to come by."""
    now = utcnow()
    over = UserSession.objects.filter(expires_at__lte=now).order_by("expires_at")[:FORGOTTEN_AT_ONCE]
    UserSession.objects.filter(pk__in=over.values("pk")).delete()
    stale = Session.objects.filter(expire_date__lte=now).order_by("expire_date")[:FORGOTTEN_AT_ONCE]
    Session.objects.filter(pk__in=stale.values("pk")).delete()


def still_stands(key: str, user_id: UUID, address: str) -> bool:
    """Whether a session has its row; the moment it was seen is written at most every five minutes. One query."""
    found = queries.session_of(digest_of(key))
    now = utcnow()
    if found is None or found.user_id != user_id or found.expires_at <= now:
        return False
    if now - found.seen_at > SEEN_GRAIN:
        UserSession.objects.filter(pk=found.id).update(seen_at=now, address=address[:64])
    return True


def sessions_of(user_id: UUID) -> Sequence[UserSession]:
    """Return a person's sessions that are not over, the latest seen first."""
    return list(live_sessions(user_id).order_by("-seen_at", "-pk"))


def live_sessions(user_id: UUID | None) -> QuerySet[UserSession]:
    """Return a person's sessions that are not over, with their providers."""
    return UserSession.objects.filter(user=user_id, expires_at__gt=utcnow()).select_related("provider")


def person_of(actor: Actor) -> UUID:
    """Return the person whom a token speaks for: who made it for themselves, with the role that they have and every right of it.

    A token for a program or for somebody else shows nothing of its maker. Raises Refused forbidden 403.
    """
    rows = ApiToken.objects.filter(service_account=None, created_by_user__isnull=False)
    token = rows.filter(pk=actor.token_id).first() if actor.token_id else None
    if token is not None and token.created_by_user_id and TokenScope.ADMIN in (actor.scopes or ()):
        maker = {"tenant": token.tenant_id, "user": token.created_by_user_id, "role": token.role}
        if Member.objects.filter(**maker).exists():
            return token.created_by_user_id
    detail = (
        "This token speaks for no person: use one that you made for yourself in the console, with your own role and the "
        "scope admin; or see your sessions in the console."
    )
    raise Refused("forbidden", detail, status=403)


@transaction.atomic
def end_session(*, actor: Actor, session_id: UUID) -> None:
    """End one of the actor's own sessions; ending one that is over is no mistake."""
    number, _ = UserSession.objects.filter(pk=session_id, user=actor.user_id).delete()
    if number:
        _note(actor, actor.user_id, number)


@transaction.atomic
def end_other_sessions(*, actor: Actor, current_key: str = "") -> int:
    """End all of the actor's own sessions but the one they ask in, if they ask in one; return how many."""
    rows = UserSession.objects.filter(user=actor.user_id).exclude(digest=digest_of(current_key))
    number, _ = rows.delete()
    if number:
        _note(actor, actor.user_id, number)
    return number


@transaction.atomic
def end_sessions_of_member(*, actor: Actor, tenant_id: UUID, user_id: UUID) -> int:
    """End every session of a member of the tenant, for its admins; an owner's, for its owners only. Return how many.

    Raises Refused: member_not_found (404), forbidden (403).
    """
    member = Member.objects.filter(tenant=tenant_id, user=user_id).first()
    if member is None:
        raise Refused("member_not_found", "There is no such member in this tenant.", status=404)
    needed = Permission.OWNER_MANAGE if member.role == Role.OWNER.value else Permission.MEMBER_MANAGE
    if not actor.may(needed, tenant_id=tenant_id):
        detail = "Only admins end a member's sessions, and only owners those of an owner."
        raise Refused("forbidden", detail, status=403)
    number, _ = UserSession.objects.filter(user=user_id).delete()
    if number:
        _note(actor, user_id, number, tenant_id)
    return number


@transaction.atomic
def leave_session(request: HttpRequest) -> UserSession | None:
    """Forget the row of the session whose person signs out, with a trace of it, and return it; None where it had none."""
    row = drop_session(str(request.session.session_key))
    if row is not None:
        _note(_person(request, row.user), row.user_id, 1)
    return row


def drop_session(key: str) -> UserSession | None:
    """Forget the row of a session that its own person ends, and return it."""
    row: UserSession | None = UserSession.objects.filter(digest=digest_of(key)).first()
    if row is not None:
        UserSession.objects.filter(pk=row.pk).delete()
    return row


def _note(actor: Actor, user_id: UUID | None, number: int, tenant_id: UUID | None = None) -> None:
    audit.record(
        "session.end",
        actor=actor,
        tenant_id=tenant_id or actor.tenant_id,
        target_type="user",
        target_id=user_id,
        changes={"sessions": number},
    )
