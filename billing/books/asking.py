"""What-if is asked by people and rated by a worker, tenant by tenant: its answers are seen while they come, and kept for a week.

Killed anywhere it goes on behind the last tenant that was rated. Two of these share the work.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Decimal
from itertools import islice
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet, Sum

from billing.books.loading import kept
from billing.books.models import PriceBook, PriceProposal
from billing.books.rights import require_read
from billing.books.what_if_models import NOT_ACTIVE, WhatIf, WhatIfAnswer
from billing.books.whatif import rated_tenants, what_if
from billing.pricing.periods import month as period_of
from billing.pricing.whatif import Compared
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from controlplane.tenants.jobs import OPEN, JobState, Queue

KEPT = timedelta(days=7)
AT_ONCE = 20  # tenants that are written together
MOST_MOVED, MOST_PROBLEMS = 20, 5

QUEUE = Queue(WhatIf, lease=timedelta(minutes=5))  # renewed with every few tenants


def visible_what_ifs(actor: Actor) -> QuerySet[WhatIf]:
    """Return the questions of a week; raises Refused forbidden."""
    require_read(actor)
    rows: QuerySet[WhatIf] = WhatIf.objects.defer("document")
    return rows


def the_what_if(actor: Actor, what_if_id: UUID) -> WhatIf:
    """Return one; raises Refused forbidden 403, what_if_not_found 404."""
    row: WhatIf | None = visible_what_ifs(actor).filter(pk=what_if_id).first()
    if row is None:
        raise Refused(
            "what_if_not_found", "There is no such question; answers are kept for a week.", status=404
        )
    return row


@transaction.atomic
def ask_what_if(
    *, actor: Actor, subject: PriceBook | PriceProposal, month: date, instead_of: str = ""
) -> WhatIf:
    """Have a month rated with a book or a proposal; an open question is returned as it is.

    Raises Refused 403; book_unknown where it should stand for one that there is not.
    """
    require_read(actor)
    if instead_of and not PriceBook.objects.filter(key=instead_of).exists():
        known = sorted(set(PriceBook.objects.values_list("key", flat=True)))
        detail = f"There is no price book {instead_of}. {choices(known, instead_of)}"
        raise Refused("book_unknown", detail, field="instead_of")
    is_book = isinstance(subject, PriceBook)
    asked = {
        "kind": "book" if is_book else "proposal", "subject": str(subject) if is_book else str(subject.pk), "month": month,
        "instead_of": instead_of,
    }  # fmt: skip
    going_on = WhatIf.objects.filter(**asked, state__in=OPEN).first()
    if going_on is not None:
        return going_on
    title = str(subject) if is_book else f"{subject}{NOT_ACTIVE}"
    row: WhatIf = WhatIf.objects.create(
        **asked,
        title=title,
        document=subject.document,
        asked_by=actor.name[:160],
        created_at=utcnow(),
        due_at=utcnow(),
    )
    told = {"book": title, "month": f"{month:%Y-%m}", "instead_of": instead_of}
    audit.record(
        "prices.what_if", actor=actor, tenant_id=None, target_type="what_if", target_id=row.pk, changes=told
    )
    return row


def sums_of(row: WhatIf) -> list[tuple[str, Decimal, Decimal]]:
    """Return what everybody who was rated so far comes to: (currency, before, after)."""
    found = row.answers.order_by().values_list("currency").annotate(Sum("before"), Sum("after"))
    return sorted(found)


def rate_due(*, only: UUID | None = None) -> int:
    """Answer every question that is due, one after the other, and return how many; two at once share the work."""
    WhatIf.objects.filter(finished_at__lt=utcnow() - KEPT).delete()
    return QUEUE.work_off(_rate, _fail, only=only)


def _rate(row: WhatIf) -> None:
    period = period_of(row.month.year, row.month.month)
    try:
        QUEUE.write(row, tenants=row.rated + rated_tenants(period, after=row.reached).count())
        found = what_if(
            month=period, book=kept(row.document)[1], instead_of=row.instead_of, after=row.reached
        )
        while some := list(islice(found, AT_ONCE)):
            _keep(row, some)
    except Refused as refusal:
        _fail(row, refusal.detail)
        return
    QUEUE.end(row, JobState.DONE, tenants=row.rated, fault="")


def _fail(row: WhatIf, fault: str) -> None:
    QUEUE.end(row, JobState.FAILED, fault=fault)


@transaction.atomic
def _keep(row: WhatIf, found: Sequence[Compared]) -> None:
    row.rated += len(found)
    QUEUE.renew(row, rated=row.rated, reached=found[-1].tenant)
    WhatIfAnswer.objects.bulk_create(
        WhatIfAnswer(
            what_if=row, slug=one.tenant, currency=one.currency, before=one.before, after=one.after, change=one.change,
            moved=_moved(one), problems=list(dict.fromkeys(problem.detail for problem in one.problems))[:MOST_PROBLEMS],
        )
        for one in found
    )  # fmt: skip


def _moved(found: Compared) -> list[list[str]]:
    sums: dict[tuple[str, str], Decimal] = {}
    for entry in found.differences:
        place = (entry.meter, entry.dimension)
        sums[place] = sums.get(place, Decimal(0)) + entry.change
    largest = sorted((one for one in sums.items() if one[1]), key=lambda one: (-abs(one[1]), one[0]))[
        :MOST_MOVED
    ]
    return [[meter, dimension, f"{change:f}"] for (meter, dimension), change in largest]
