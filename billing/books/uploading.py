"""Price books by upload: a text becomes a proposal, is looked at and rated with, and then activated or withdrawn. All audited."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from billing.books import queries
from billing.books.apply import ApplyRefusedError, compare, refuse, write
from billing.books.differences import Version, changed_fields
from billing.books.loading import BookFile, BooksInvalidError, kept, read_history, read_upload
from billing.books.models import PriceBook, PriceProposal, ProposalState
from billing.books.rights import require_manage, require_read
from billing.pricing.book import Book
from billing.pricing.fields import BookInvalidError
from controlplane.catalog.loading.reading import Document, parse_document
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

LONGEST = 200_000  # characters: the largest shipped book has a tenth of that
MOST_FAULTS = 20
Field = tuple[str, Any, Any]


@dataclass(frozen=True, slots=True)
class Look:
    """What activating a proposal would do: `fields` differ from the version before, None where the book would be new."""

    before: PriceBook | None
    fields: tuple[Field, ...]
    ends: tuple[tuple[str, date | None], ...]  # versions that would end earlier or later, and when
    refusals: tuple[str, ...]  # why it can't be activated as it is


def visible_proposals(actor: Actor) -> QuerySet[PriceProposal]:
    """Return what was uploaded; raises Refused 403."""
    require_read(actor)
    return PriceProposal.objects.all()


def the_proposal(actor: Actor, proposal_id: UUID) -> PriceProposal:
    """Return one proposal; raises Refused 403, 404."""
    row = visible_proposals(actor).filter(pk=proposal_id).first()
    if row is None:
        raise Refused("price_proposal_not_found", f"There is no proposal {proposal_id}.", status=404)
    return row


@transaction.atomic
def propose(*, actor: Actor, text: str) -> PriceProposal:
    """Keep a version to be looked at; nothing is priced with it.

    Raises Refused: forbidden 403, price_book_invalid 422 with every fault and its line, version_taken and proposal_open 409.
    """
    require_manage(actor)
    document, book = _read(text)
    if PriceBook.objects.filter(key=book.key, version=book.version).exists():
        newest = (
            PriceBook.objects.filter(key=book.key).order_by("-version").values_list("version", flat=True)[0]
        )
        detail = f"{book.key} has a version {book.version} already; call this one version {newest + 1}."
        raise Refused("version_taken", detail, field="document", status=409)
    try:
        with transaction.atomic():
            row: PriceProposal = PriceProposal.objects.create(
                key=book.key, version=book.version, text=text, document=dict(document.data),
                proposed_by=actor.name[:160],
            )  # fmt: skip
    except IntegrityError as error:
        detail = (
            f"Another text was uploaded as {book.key}/{book.version}; activate or withdraw that one first."
        )
        raise Refused("proposal_open", detail, field="document", status=409) from error
    _record("price_proposal.upload", actor, row, {"digest": book.digest})
    return row


@transaction.atomic
def activate(*, actor: Actor, proposal_id: UUID) -> PriceBook:
    """Let a proposal price usage from its day on.

    Raises Refused: forbidden 403, not found 404, proposal_closed 409, prices_used 409 where statements were sealed with what
    it would replace, price_book_invalid 422 where it can't follow the versions that there are by now.
    """
    require_manage(actor)
    queries.lock_apply()
    row = the_proposal(actor, proposal_id)
    _close(actor, row, ProposalState.ACTIVE)
    rows, wanted = _history(row)
    changes = compare(rows, wanted)
    try:
        refuse(changes, rows, wanted)
    except ApplyRefusedError as error:
        raise Refused("prices_used", " ".join(error.reasons), status=409) from error
    write(changes, wanted)
    PriceBook.objects.filter(key=row.key, version=row.version).update(uploaded=True)
    made: PriceBook = PriceBook.objects.get(key=row.key, version=row.version)
    told = [
        {"key": one.key, "action": one.action, "fields": [list(f) for f in one.fields]} for one in changes
    ]
    _record("price_proposal.activate", actor, row, {"changes": told, "digest": made.digest})
    return made


@transaction.atomic
def withdraw(*, actor: Actor, proposal_id: UUID) -> PriceProposal:
    """Take a proposal back. Raises Refused: forbidden 403, not found 404, proposal_closed 409."""
    require_manage(actor)
    row = the_proposal(actor, proposal_id)
    _close(actor, row, ProposalState.WITHDRAWN)
    _record("price_proposal.withdraw", actor, row, {})
    return row


def look(row: PriceProposal) -> Look:
    """Return what activating it would do now; writes nothing."""
    before = PriceBook.objects.filter(key=row.key, version__lt=row.version).order_by("-version").first()
    fields = difference(before.document, row.document) if before else ()
    try:
        rows, wanted = _history(row)
    except Refused as refusal:
        return Look(before, fields, (), (refusal.detail,))
    ends = tuple(
        (str(old), _end(wanted[place]))
        for place, old in rows.items()
        if place in wanted and old.effective_to != _end(wanted[place])
    )
    try:
        refuse(compare(rows, wanted), rows, wanted)
    except ApplyRefusedError as error:
        return Look(before, fields, ends, error.reasons)
    return Look(before, fields, ends, ())


def difference(before: dict[str, Any], after: dict[str, Any]) -> tuple[Field, ...]:
    """Return where two documents differ: (place, before, after); the version itself always does, and is left out."""
    old, new = (Version(one["key"], one["version"], "", one) for one in (before, after))
    return tuple(field for field in changed_fields(old, new) if field[0] not in {"key", "version"})


def _read(text: str) -> Any:
    if len(text) > LONGEST:
        raise Refused(
            "price_book_invalid", f"A price book has at most {LONGEST:,} characters.", field="document"
        )
    try:
        return read_upload(text)
    except BooksInvalidError as error:
        raise _invalid(error) from error


def _history(row: PriceProposal) -> tuple[dict[tuple[str, int], PriceBook], dict[tuple[str, int], BookFile]]:
    """Return the book's versions as they are, and as they would be with the proposal among them; raises Refused 422."""
    rows = {(one.key, one.version): one for one in PriceBook.objects.filter(key=row.key)}
    documents = [one.document for place, one in rows.items() if place != (row.key, row.version)]
    try:
        files = read_history([*map(kept, documents), _proposed(row)])
    except BooksInvalidError as error:
        raise _invalid(error) from error
    return rows, {(file.book.key, file.book.version): file for file in files}


def _proposed(row: PriceProposal) -> tuple[Document, Book]:
    """Return what was uploaded; it may be older than some bound. Raises BooksInvalidError with the lines of its text."""
    try:
        return kept(row.document, bounded=True)
    except BookInvalidError as error:
        document = parse_document("line", row.text)
        raise BooksInvalidError(
            [document.fault(fault.path, fault.code, fault.detail) for fault in error.faults]
        ) from error


def _end(file: BookFile) -> date | None:
    return file.book.effective_to.date() if file.book.effective_to else None


def _invalid(error: BooksInvalidError) -> Refused:
    told = [f"Line {fault.line}: {fault.detail}" for fault in error.faults[:MOST_FAULTS]]
    more = len(error.faults) - len(told)
    detail = " ".join(told[:3]) + (f" {more + len(told) - 3} more." if more + len(told) > 3 else "")  # noqa: PLR2004
    faults = [
        FieldError("document", fault.code, sentence)
        for fault, sentence in zip(error.faults[:MOST_FAULTS], told, strict=True)
    ]
    return Refused("price_book_invalid", f"{detail} Nothing was kept.", errors=faults)


def _close(actor: Actor, row: PriceProposal, state: ProposalState) -> None:
    open_ = PriceProposal.objects.filter(pk=row.pk, state=ProposalState.OPEN)
    if open_.update(state=state, answered_by=actor.name[:160], answered_at=utcnow()) != 1:
        row.refresh_from_db()
        detail = f"{row} is {row.state} already; upload it as another version."
        raise Refused("proposal_closed", detail, status=409)
    row.refresh_from_db()


def _record(action: str, actor: Actor, row: PriceProposal, told: dict[str, Any]) -> None:
    audit.record(
        action, actor=actor, tenant_id=None, target_type="price_proposal", target_id=row.pk,
        changes={"book": str(row), **told},
    )  # fmt: skip
