"""How many invitations a tenant sends in an hour, and how many reach one address in a day, whoever sends them.

Both are counted in rows, so that no cache forgets them; `RATE_LIMIT_INVITATIONS` bounds the requests besides.
"""

from __future__ import annotations

import math
from datetime import datetime, timedelta

from django.conf import settings
from django.db import connection
from django.db.models import QuerySet

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import ports, queries
from controlplane.tenants.access_models import InvitationLetter
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Tenant

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
FORGOTTEN_AT_ONCE = 100
GMAIL = frozenset({"gmail.com", "googlemail.com"})  # one service under two names, which ignores dots


def count_letter(tenant: Tenant, email: str) -> None:
    """Count one more letter of a tenant, which the caller has locked; raises Refused too_many_invitations 429."""
    now, address = utcnow(), plain(email)
    most = settings.TRIAL_INVITATIONS_PER_HOUR if ports.on_trial(tenant.id) else settings.INVITATIONS_PER_HOUR
    mine = InvitationLetter.objects.filter(tenant=tenant)
    if wait := _wait(mine.filter(at__gt=now - HOUR), most, HOUR, now):
        raise _too_many(f"{tenant.name} may send {most} invitations in an hour", wait)
    with platform_scope(), connection.cursor() as cursor:
        cursor.execute(queries.LOCK_ADDRESS, [f"invitation:{address}"])
        theirs = InvitationLetter.objects.filter(address=address, at__gt=now - DAY)
        if wait := _wait(theirs, settings.INVITATIONS_PER_ADDRESS, DAY, now):
            raise _too_many("One address gets only so many invitations in a day", wait, field="email")
    InvitationLetter.objects.create(tenant=tenant, address=address, at=now)
    old = mine.filter(at__lte=now - DAY).order_by("at")[:FORGOTTEN_AT_ONCE]
    InvitationLetter.objects.filter(pk__in=old.values("pk")).delete()


def plain(email: str) -> str:
    """Return the address as its one reader has it: without a tag behind a plus, and, at Gmail, without dots."""
    local, _, domain = email.lower().rpartition("@")
    name = local.partition("+")[0] or local
    if domain in GMAIL:
        return f"{name.replace('.', '') or name}@gmail.com"
    return f"{name}@{domain}"


def _wait(rows: QuerySet[InvitationLetter], most: int, window: timedelta, now: datetime) -> int:
    """Return the seconds until one more fits, or 0 when it does now."""
    if most < 1:
        return int(window.total_seconds())
    lately = list(rows.order_by("-at").values_list("at", flat=True)[:most])
    return max(1, math.ceil((lately[-1] + window - now).total_seconds())) if len(lately) == most else 0


def _too_many(words: str, wait: int, *, field: str = "") -> Refused:
    minutes = math.ceil(wait / 60)
    again = (
        f"{minutes} minute{'' if minutes == 1 else 's'}"
        if wait < HOUR.total_seconds() * 2
        else f"{math.ceil(wait / 3600)} hours"
    )
    detail = f"{words}; try again in {again}."
    return Refused("too_many_invitations", detail, field=field, status=429, retry_after_seconds=wait)
