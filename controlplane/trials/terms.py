"""What a trial is here: how long, how many, how often; read from the settings each time, so that a test can change them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

REMINDERS = (7, 3, 1)  # days before the end
LINK_LIFE = timedelta(hours=24)
SIGN_IN_LIFE = timedelta(minutes=15)
SIGN_UP_KEPT = timedelta(days=30)


@dataclass(frozen=True)
class Terms:
    """How long each part of a trial is."""

    length: timedelta
    unbuilt: timedelta  # how long its time stands still for a runtime that can't be built
    extension: timedelta  # zero: there is none
    grace: timedelta
    again_after: timedelta  # before the same person may have another
    tombstone: timedelta  # how long the people of one that is over stay known


def day(moment: datetime) -> str:
    """Write a day for people."""
    return f"{moment:%-d %B %Y}"


def terms() -> Terms:
    """Return the terms in force."""
    return Terms(
        length=timedelta(days=settings.TRIAL_DAYS),
        unbuilt=timedelta(days=settings.TRIAL_UNBUILT_DAYS),
        extension=timedelta(days=settings.TRIAL_EXTENSION_DAYS),
        grace=timedelta(days=settings.TRIAL_GRACE_DAYS),
        again_after=timedelta(days=settings.TRIAL_AGAIN_DAYS),
        tombstone=timedelta(days=settings.TRIAL_TOMBSTONE_DAYS),
    )
