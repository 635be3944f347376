"""The one service that writes price books: read, prove, compare, refuse what would change a used version, write."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from django.db import transaction
from django.db.models import Q

from billing.books import queries
from billing.books.differences import Change, Version, changed_fields
from billing.books.loading import DATA, BookFile, read_books, unpriced
from billing.books.models import PlanPrices, PriceBook
from billing.pricing.periods import month_of
from controlplane.catalog.models import Plan
from controlplane.catalog.plans import DEFAULT_PRICE_BOOK
from controlplane.kernel.clock import utcnow
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

ALWAYS = date(2000, 1, 1)  # from when a plan's first book prices it: earlier than any usage


class ApplyRefusedError(Exception):
    """The files are right, but applying them would break a promise; nothing was written."""

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)


@dataclass(frozen=True)
class Applied:
    """What changed, or would change; `doubts` are which versions that hold lack a price, and what to do."""

    changes: tuple[Change, ...]
    written: bool
    doubts: tuple[str, ...] = ()


def apply_prices(*, actor: Actor, directory: Path = DATA, dry_run: bool = False) -> Applied:
    """Make the books that the files name equal to them, and give each plan of the catalog its book; again changes nothing.

    Books that no file names are left alone, for contracts' own may come from another folder; so are versions that people
    uploaded. A plan that names another book has it from the next month on. Raises BooksInvalidError for wrong files and
    ApplyRefusedError for a version that was used, or a plan whose book there is not; a dry run raises them too.
    """
    documents = PriceBook.objects.values_list("document", flat=True)
    read_books(directory, stored=list(documents))  # wrong files are told without waiting for anybody
    with transaction.atomic():
        queries.lock_apply()
        files = read_books(directory, beside=documents.filter(uploaded=True), stored=list(documents.all()))
        keys = {file.book.key for file in files}
        rows = {(row.key, row.version): row for row in PriceBook.objects.filter(key__in=keys)}
        wanted = {(file.book.key, file.book.version): file for file in files}
        changes = compare(rows, wanted)
        plans = _compare_plans(known=keys | set(PriceBook.objects.values_list("key", flat=True)))
        refuse(changes, rows, wanted)
        if not dry_run and (changes or plans):
            write(changes, wanted)
            _write_plans(plans)
            _note([*changes, *plans], actor)
        doubts = _doubts(files, keys)
    return Applied((*changes, *plans), written=not dry_run and bool(changes or plans), doubts=doubts)


def _doubts(files: Iterable[BookFile], keys: Collection[str]) -> tuple[str, ...]:
    """Say which versions leave usage of a meter that came later without a price, from now on; those no file names as well."""
    now = utcnow()
    ends = Q(effective_to__isnull=True) | Q(effective_to__gt=now.date())
    holding = [file for file in files if file.book.effective_to is None or file.book.effective_to > now]
    others = PriceBook.objects.filter(ends).exclude(key__in=keys)
    documents = [*(file.document for file in holding), *others.values_list("document", flat=True)]
    return tuple(
        f"{document['key']}/{document['version']} has no price for usage of {', '.join(meters)}: no statement with such "
        "usage can be sealed; add a version with a line for it, or name it under free there."
        for document in documents
        if (meters := unpriced(document))
    )


def compare(rows: dict[tuple[str, int], PriceBook], wanted: dict[tuple[str, int], BookFile]) -> list[Change]:
    """Return what has to change for the rows to be as the files have it."""
    changes = []
    for place, file in wanted.items():
        after = _of_file(file)
        if place not in rows:
            changes.append(Change("book", after.name, "add"))
        elif fields := changed_fields(_of_row(rows[place]), after):
            changes.append(Change("book", after.name, "change", fields))
    changes += [Change("book", str(row), "remove") for place, row in rows.items() if place not in wanted]
    return changes


def _compare_plans(known: set[str]) -> list[Change]:
    changes: list[Change] = []
    reasons: list[str] = []
    held = {row.plan: row.book for row in PlanPrices.objects.filter(effective_to__isnull=True)}
    for plan in Plan.objects.order_by("position", "key"):
        book = plan.definition.get("price_book", DEFAULT_PRICE_BOOK)
        if book not in known:
            reasons.append(f"plan {plan.key} names the price book {book}, which there is not; add its file.")
        elif plan.key not in held:
            changes.append(Change("plan", plan.key, "add", (("price_book", None, book),)))
        elif held[plan.key] != book:
            changes.append(Change("plan", plan.key, "change", (("price_book", held[plan.key], book),)))
    if reasons:
        raise ApplyRefusedError(reasons)
    return changes


def refuse(
    changes: list[Change], rows: dict[tuple[str, int], PriceBook], wanted: dict[tuple[str, int], BookFile]
) -> None:
    """Raise ApplyRefusedError where a change would touch what statements were sealed with."""
    used = {str(row): row for row in rows.values() if row.used_at is not None}
    reasons = []
    for change in changes:
        row = used.get(change.key)
        if row is None:
            continue
        if change.action == "remove":
            reasons.append(f"{row} was used for statements until {row.used_until}; restore its file.")
        elif wanted[row.key, row.version].document != row.document:
            names = ", ".join(name for name, _, _ in change.fields)
            reasons.append(
                f"{row} was used for statements until {row.used_until} and never changes ({names} did); "
                f"restore its file and add version {row.version + 1}."
            )
        elif (until := change.fields[0][2]) is not None and until < str(row.used_until):
            reasons.append(
                f"{row} was used for statements until {row.used_until}, so no other version holds before; "
                f"let the next one begin on that day or later."
            )
    if reasons:
        raise ApplyRefusedError(reasons)


def write(changes: list[Change], wanted: dict[tuple[str, int], BookFile]) -> None:
    """Write changes of versions; PostgreSQL looks at the whole afterwards."""
    files = {_of_file(file).name: file for file in wanted.values()}
    for change in sorted(changes, key=lambda change: ("remove", "change", "add").index(change.action)):
        key, _, version = change.key.rpartition("/")
        row = PriceBook.objects.filter(key=key, version=int(version))
        if change.action == "remove":
            row.delete()
            continue
        book = files[change.key].book
        until = {"effective_to": book.effective_to.date() if book.effective_to else None}
        columns = {
            "title": book.title,
            "currency": book.currency,
            "effective_from": book.effective_from.date(),
            "document": dict(files[change.key].document),
            "digest": book.digest,
        }
        if change.action == "add":
            PriceBook.objects.create(key=key, version=int(version), **columns, **until)
        else:
            same = row.filter(digest=book.digest).update(**until)  # a used version may end, and nothing else
            if not same:
                row.update(**columns, **until)
    queries.check_periods()


def _write_plans(changes: list[Change]) -> None:
    following = month_of(utcnow()).end.date()
    for change in changes:
        book = change.fields[0][2]
        held = PlanPrices.objects.filter(plan=change.key, effective_to__isnull=True)
        if change.action == "change" and not held.filter(effective_from__gte=following).update(book=book):
            held.update(effective_to=following)
            PlanPrices.objects.create(plan=change.key, book=book, effective_from=following)
        elif change.action == "add":
            PlanPrices.objects.create(plan=change.key, book=book, effective_from=ALWAYS)


def _of_row(row: PriceBook) -> Version:
    until = row.effective_to.isoformat() if row.effective_to else ""
    return Version(row.key, row.version, until, row.document)


def _of_file(file: BookFile) -> Version:
    book = file.book
    until = book.effective_to.date().isoformat() if book.effective_to else ""
    return Version(book.key, book.version, until, file.document)


def _note(changes: list[Change], actor: Actor) -> None:
    listed = [
        {
            "kind": change.kind,
            "key": change.key,
            "action": change.action,
            "fields": [list(field) for field in change.fields],
        }
        for change in changes
    ]
    audit.record(
        "prices.apply",
        actor=actor,
        tenant_id=None,
        target_type="prices",
        target_id="prices",
        changes={"changes": listed},
    )
