"""What is due by itself: each day anew, the month that goes on and the one before until it is closed."""

from __future__ import annotations

from datetime import date, timedelta
from itertools import product

from django.conf import settings

from billing.exports.models import FocusExport
from billing.exports.places import check_place
from billing.exports.services import BEAT, ask_export
from billing.usage.slots import month_before
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.jobs import JobState


def kinds() -> list[tuple[str, str]]:
    """Return (version, format) of every file that FOCUS_EXPORT_KINDS names, as 1.4/csv; raises Refused kinds_invalid."""
    found = [tuple(word.strip().split("/")) for word in settings.FOCUS_EXPORT_KINDS if word.strip()]
    known = set(product(("1.4", "1.2"), ("csv", "parquet")))
    if not set(found) <= known:
        raise Refused(
            "kinds_invalid", "FOCUS_EXPORT_KINDS names versions and formats, as 1.4/csv,1.4/parquet."
        )
    return [(version, file_format) for version, file_format in found]


def ask_due(today: date | None = None) -> int:
    """Ask for what nobody asked for since midnight, UTC; return how many. Two beats ask once."""
    if not settings.FOCUS_EXPORT_TO:
        return 0
    day, asked = today or utcnow().date(), 0
    place = check_place(settings.FOCUS_EXPORT_TO)
    months = [month_before(day), day.replace(day=1)]
    since = FocusExport.objects.filter(
        to=place, month__in=months, created_at__gte=utcnow() - timedelta(days=1)
    )
    held = {
        (row.month, row.version, row.file_format)
        for row in since
        if row.created_at.date() == day or row.state == JobState.WAITING
    }
    for month, (version, file_format) in product(months, kinds()):
        if (month, version, file_format) not in held:
            ask_export(actor=BEAT, month=month, version=version, file_format=file_format)
            asked += 1
    return asked
