"""Looks where providers leave their bills, and books what is new: of this month and the one before, for a bill grows late."""

from __future__ import annotations

from datetime import date, timedelta
from typing import NamedTuple

import structlog
from django.conf import settings
from django.db import connection, transaction

from billing.exports import queries
from billing.exports.bills.files import fingerprint_of
from billing.exports.bills.importing import FORMATS, import_bill
from billing.exports.bills.removing import TAKEN_BACK
from billing.exports.models import BillPlace, ProviderBill
from billing.exports.services import BEAT
from billing.usage.slots import month_before
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused

log = structlog.get_logger(__name__)
AWAY = 503  # the status of what may be otherwise the next time
BROKE = "Nesoi could not read it; the workers' log says why (provider_bill_place_broke). It is tried again."


class Feed(NamedTuple):
    """Where a provider leaves bills; `place` has {month} where the month's name stands, as 2026-06."""

    provider: str
    file_format: str
    place: str


def feeds() -> list[Feed]:
    """Read PROVIDER_BILLS_FROM, as aws/cur2=s3://bucket/cur/BILLING_PERIOD={month}/; raises Refused feed_invalid."""
    found = []
    for text in settings.PROVIDER_BILLS_FROM:
        kind, _, place = text.strip().partition("=")
        provider, _, file_format = kind.partition("/")
        if not provider or file_format not in FORMATS or "{month}" not in place:
            detail = (
                f"{text[:80]!r} in PROVIDER_BILLS_FROM is no place for bills; write provider/format=place with {{month}} in it, "
                f"the format one of {', '.join(FORMATS)}."
            )
            raise Refused("feed_invalid", detail, field="PROVIDER_BILLS_FROM")
        found.append(Feed(provider, file_format, place))
    return found


def look_due(today: date | None = None) -> int:
    """Look at the places whose turn it is, and return how many; two at once share them, and one that dies is followed later.

    A month that is older, or of a feed that is set up no more, is looked at one last time.
    """
    now = utcnow()
    day, places = today or now.date(), list[str]()
    for feed in feeds():
        for month in (month_before(day), day.replace(day=1)):
            place = feed.place.replace("{month}", f"{month:%Y-%m}")
            places.append(place)
            named = {"provider": feed.provider, "format": feed.file_format, "place": place, "now": now}
            queries.rows(queries.KNOW_PLACE, named)
    until = now + timedelta(seconds=settings.PROVIDER_BILLS_SECONDS)
    due = queries.rows(queries.CLAIM_PLACES, {"now": now, "until": until, "places": places})
    for (number,) in due:
        row = BillPlace.objects.get(pk=number)
        try:
            _look(row)
        except Exception:  # one place that breaks holds up no other
            if not connection.is_usable():
                raise
            log.exception("provider_bill_place_broke", place=row.place)
            BillPlace.objects.filter(pk=row.pk).update(fault=BROKE, looked_at=utcnow())
    return len(due)


def _look(row: BillPlace) -> None:
    found, fault, bill = row.fingerprint, row.fault, row.bill
    try:
        found = fingerprint_of(row.place)
        if found and found != row.fingerprint:
            bill, booked = import_bill(
                actor=BEAT, source=row.place, file_format=row.file_format, provider=row.provider
            )
            fault = ""
            log.info("provider_bill_looked_at", place=row.place, booked=booked, lines=bill.lines)
    except Refused as refusal:
        fault = refusal.detail[:1000]
        log.warning("provider_bill_not_booked", place=row.place, code=refusal.code, reason=fault)
        if refusal.status == AWAY:
            found = row.fingerprint
    changes: dict[str, object] = {"fingerprint": found, "looked_at": utcnow()}
    if (found, fault, bill) != (row.fingerprint, row.fault, row.bill):
        changes |= {"fault": fault, "bill": bill}
    with transaction.atomic():
        if bill and not ProviderBill.objects.select_for_update(no_key=True).filter(pk=bill.pk).exists():
            changes |= {"fault": TAKEN_BACK, "bill": None}
        BillPlace.objects.filter(pk=row.pk).update(**changes)
