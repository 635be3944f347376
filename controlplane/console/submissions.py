"""A form acts once, however often its button is pressed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from django.db import transaction

from controlplane.console.models import Submission
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import parse_uuid, uuid7
from controlplane.tenants.models import User

KEPT = timedelta(days=1)


def new_token() -> str:
    """What a form carries to be known again."""
    return str(uuid7())


@transaction.atomic
def once(*, token: str, user: User, work: Callable[[], str]) -> str:
    """Return where the form led: do `work` the first time, and only look it up for the same token again.

    The insert makes a second, simultaneous press wait until the first has committed. When `work` raises, nothing is kept.
    A token that is none (somebody wrote the form by hand) acts every time.
    """
    known: UUID = parse_uuid(token) or uuid7()
    Submission.objects.filter(user=user, created_at__lt=utcnow() - KEPT).delete()
    Submission.objects.bulk_create([Submission(token=known, user=user)], ignore_conflicts=True)
    mine = Submission.objects.select_for_update().get(token=known)
    if mine.user_id != user.id:
        return work()
    if not mine.location:
        location = work()
        Submission.objects.filter(token=known).update(location=location)
        return location
    return mine.location
