"""Sign in with a link: for people whom a trial made, since they have no password.

Asking for a link writes down the request and nothing else, so the answer says nothing about who is known; the tick writes the
message.
"""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.services import notify
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import User
from controlplane.trials.addresses import read_address
from controlplane.trials.models import SignInLink, Trial
from controlplane.trials.secrets import digest_of, new_token
from controlplane.trials.terms import SIGN_IN_LIFE
from controlplane.trials.transport import tick
from controlplane.trials.velocity import MESSAGES_PER_PERSON, WINDOW, network_of

REQUESTS_PER_NETWORK = 30  # in an hour
MOST = 100


def ask_for_link(*, email: str, client: str, base: str) -> None:
    """Have a link sent, if somebody with this address has a trial; raises Refused email_invalid, too_many_sign_ups."""
    address = read_address(email)
    now = utcnow()
    with platform_scope(), transaction.atomic():
        lately = SignInLink.objects.filter(created_at__gt=now - WINDOW)
        if lately.filter(network=network_of(client)).count() >= REQUESTS_PER_NETWORK:
            raise Refused(
                "too_many_sign_ups", "Too many links were asked for from your network; try again in an hour.",
                status=429, retry_after_seconds=int(WINDOW.total_seconds()),
            )  # fmt: skip
        SignInLink.objects.create(
            email=address.deliver_to,
            network=network_of(client),
            base=base[:200],
            state=SignInLink.State.ASKED,
            created_at=now,
            expires_at=now + SIGN_IN_LIFE,
        )
        tick.send_on_commit()


def send_links() -> int:
    """Write to whoever asked and is known; return how many requests were seen to. Any number of copies may run."""
    with transaction.atomic():
        asked = SignInLink.objects.select_for_update(skip_locked=True).filter(state=SignInLink.State.ASKED)
        rows = list(asked.order_by("created_at")[:MOST])
        for row in rows:
            _send(row)
    return len(rows)


def _send(row: SignInLink) -> None:
    owner = _known(row.email)
    sent_lately = SignInLink.objects.filter(
        email__iexact=row.email, created_at__gt=row.created_at - WINDOW, user__isnull=False
    ).count()
    if owner is None or sent_lately >= MESSAGES_PER_PERSON:
        SignInLink.objects.filter(pk=row.pk).update(state=SignInLink.State.OVER)
        return
    token = new_token()
    SignInLink.objects.filter(pk=row.pk).update(
        state=SignInLink.State.SENT, user=owner, digest=digest_of(token)
    )
    words = {
        "link": f"{row.base}/trial/sign-in/{token}",
        "minutes": int(SIGN_IN_LIFE.total_seconds() // 60),
    }
    notify(to=row.email, kind="trial-sign-in", context=words, tenant_id=None)


def _known(email: str) -> User | None:
    """Return who may sign in with a link to this address: only a person whom a trial made, and nobody of the platform's team."""
    mine = Trial.objects.filter(owner__email__iexact=email, owner__is_active=True, owner__platform_role="")
    trial = mine.select_related("owner").order_by("-id").first()
    return trial.owner if trial is not None else None


def link_over() -> Refused:
    """Return what is told of a link that lets nobody in."""
    detail = "This link is unknown, too old, or was used before. Ask for a new one."
    return Refused("link_invalid", detail, status=410)


def used_by(token: str) -> UUID | None:
    """Return whom a link let in when it was used; None for one that nobody used."""
    with platform_scope(), transaction.atomic():
        rows = SignInLink.objects.filter(digest=digest_of(token), used_at__isnull=False)
        found: UUID | None = rows.values_list("user_id", flat=True).first()
        return found


def use_link(token: str, *, client: str) -> User:
    """Return who signs in with this link, once; raises Refused link_invalid 410."""
    with platform_scope(), transaction.atomic():
        now = utcnow()
        row = SignInLink.objects.filter(digest=digest_of(token)).select_related("user").first()
        mine = SignInLink.objects.filter(
            digest=digest_of(token), state=SignInLink.State.SENT, expires_at__gt=now,
            user__is_active=True, user__platform_role="",
        )  # fmt: skip
        # Guarded by its state: of two who open the link at once, one gets in.
        if row is None or row.user is None or mine.update(state=SignInLink.State.OVER, used_at=now) != 1:
            raise link_over()
        audit.record(
            "session.link", actor=Actor(name=row.user.get_username(), user_id=row.user.id, address=client),
            tenant_id=None, target_type="user", target_id=row.user.id,
        )  # fmt: skip
        return row.user
