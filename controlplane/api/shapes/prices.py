"""Price books, what they cost in words, proposals and what-if. Money is a decimal string, days begin at 00:00 UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any

from billing.books.models import PriceBook, PriceProposal, ProposalState
from billing.books.reading import Held, Prices
from billing.books.sentences import LineWords, lines_in_words
from billing.books.uploading import LONGEST, Field, Look
from controlplane.api.shapes.agreements import (
    COMMITMENT,
    CONTRACT,
    CREDIT,
    commitment_json,
    contract_json,
    credit_json,
)
from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339

AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "A decimal number."}
MAYBE_AMOUNT = {**AMOUNT, "type": ["string", "null"]}
DAY = {"type": "string", "format": "date"}
MAYBE_DAY = {**DAY, "type": ["string", "null"]}
MONTH = {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$"}
VERSION = {**TEXT, "description": "Key and version, as standard/2."}
LINE = record(
    {
        "key": TEXT,
        "meter": TEXT,
        "title": TEXT,
        "unit": TEXT,
        "only": {
            **TEXT,
            "description": "What it is for; empty: all of the meter that no line before it takes.",
        },
        "counted": {**TEXT, "description": "Over whose month tiers count, where the book says so."},
        "steps": several(
            record({"holds": TEXT, "amount": MAYBE_AMOUNT, "contracted_amount": MAYBE_AMOUNT, "per": TEXT})
        ),
        "monthly": {
            **MAYBE_AMOUNT,
            "description": "What one unit costs when it stands all month, at the first price.",
        },
    },
    description="One line of a price book in words; an amount of null asks for nothing.",
)
_BOOK = {
    "book": VERSION, "key": TEXT, "version": COUNT, "title": TEXT, "currency": TEXT, "effective_from": DAY,
    "effective_to": MAYBE_DAY, "uploaded": {"type": "boolean", "description": "By a person, not from the reviewed files."},
    "used_until": {**MAYBE_DAY, "description": "Statements were sealed with it until then; it never changes."},
    "plans": {"type": "array", "items": TEXT, "description": "Plans whose usage the book prices now or soon."},
    "loaded_at": MOMENT, "digest": TEXT,
}  # fmt: skip
BOOK = Shape("PriceBook", record(_BOOK))
BOOK_LIST = Shape("PriceBookList", record({"results": several(BOOK), "next": maybe(URL)}))
BOOK_DETAIL = Shape("PriceBookDetail", record({**_BOOK, "lines": several(LINE), "document": FREE}))
CHANGE = record(
    {
        "place": TEXT,
        "before": {"description": "null: it was not there."},
        "after": {"description": "null: it is gone."},
    }
)
DIFFERENCE = Shape(
    "PriceDifference", record({"before": VERSION, "after": VERSION, "changes": several(CHANGE)})
)
_PROPOSAL = {
    "id": ID, "book": VERSION, "key": TEXT, "version": COUNT, "title": TEXT, "effective_from": DAY,
    "state": words(list(ProposalState.values)), "proposed_by": TEXT, "proposed_at": MOMENT, "answered_by": TEXT,
    "answered_at": MAYBE_MOMENT,
}  # fmt: skip
PROPOSAL = Shape("PriceProposal", record(_PROPOSAL))
PROPOSAL_LIST = page_of(PROPOSAL)
PROPOSAL_DETAIL = Shape(
    "PriceProposalDetail",
    record(
        {
            **_PROPOSAL,
            "text": TEXT,
            "before": {**maybe(TEXT), "description": "The version that it would follow."},
            "changes": several(CHANGE),
            "ends": several(record({"book": VERSION, "on": MAYBE_DAY})),
            "refusals": {**several(TEXT), "description": "Why it can't be activated as it is."},
            "lines": several(LINE),
        }
    ),
)
PROPOSAL_WISH = Shape(
    "PriceProposalWish",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["document"],
        "properties": {
            "document": {
                "type": "string", "minLength": 1, "maxLength": LONGEST, "description": "One version of a book, as YAML.",
            }
        },
    },
    example={"document": "key: standard\nversion: 2\n"},
)  # fmt: skip
PRICES = Shape(
    "Prices",
    record(
        {
            "tenant": TEXT,
            "month": MONTH,
            "currency": {**TEXT, "description": "Of the statement."},
            "books": several(
                record(
                    {
                        "book": VERSION, "title": TEXT, "currency": TEXT, "start": MOMENT, "end": MOMENT,
                        "plans": {**maybe(several(TEXT)), "description": "null: every other plan."},
                        "discount_percent": AMOUNT, "lines": several(LINE), "free": several(TEXT),
                        "bills_inferred": {"type": "boolean"},
                        "credit": maybe(record({"title": TEXT, "percent": AMOUNT, "limit": MAYBE_AMOUNT})),
                    }
                )
            ),
            "contract": maybe(CONTRACT),
            "credits": several(CREDIT),
            "commitments": several(COMMITMENT),
        },
        description="What things cost for one tenant in a month.",
    ),
)  # fmt: skip
MOST_MOVED = 5


def plain(amount: Decimal) -> str:
    """Write an amount without an exponent and without zeros at its end."""
    return f"{amount.normalize():f}"


def _maybe(amount: Decimal | None) -> str | None:
    return None if amount is None else plain(amount)


def line_json(line: LineWords) -> dict[str, Any]:
    """Return a line in words."""
    steps = [
        {"holds": step.holds, "amount": _maybe(step.amount), "contracted_amount": _maybe(step.contracted), "per": step.per}
        for step in line.steps
    ]  # fmt: skip
    names = ("key", "meter", "title", "unit", "only", "counted")
    return {**{name: getattr(line, name) for name in names}, "steps": steps, "monthly": _maybe(line.monthly)}


def book_json(row: PriceBook, plans: Sequence[str]) -> dict[str, Any]:
    """Return one version."""
    return {
        "book": str(row), "key": row.key, "version": row.version, "title": row.title, "currency": row.currency,
        "effective_from": row.effective_from.isoformat(), "uploaded": row.uploaded, "plans": list(plans),
        "effective_to": row.effective_to.isoformat() if row.effective_to else None,
        "used_until": row.used_until.isoformat() if row.used_until else None,
        "loaded_at": rfc3339(row.loaded_at), "digest": row.digest,
    }  # fmt: skip


def book_detail_json(row: PriceBook, plans: Sequence[str]) -> dict[str, Any]:
    """Return one version with its lines and its document."""
    lines = [line_json(line) for line in lines_in_words(row.document)]
    return {**book_json(row, plans), "lines": lines, "document": row.document}


def changes_json(fields: Iterable[Field]) -> list[dict[str, Any]]:
    """Return where two documents differ."""
    return [{"place": place, "before": before, "after": after} for place, before, after in fields]


def proposal_json(row: PriceProposal) -> dict[str, Any]:
    """Return a proposal."""
    return {
        "id": str(row.id), "book": str(row), "key": row.key, "version": row.version, "title": row.document["title"],
        "effective_from": row.document["effective_from"], "state": row.state, "proposed_by": row.proposed_by,
        "proposed_at": rfc3339(row.proposed_at), "answered_by": row.answered_by, "answered_at": rfc3339(row.answered_at),
    }  # fmt: skip


def proposal_detail_json(row: PriceProposal, look: Look) -> dict[str, Any]:
    """Return a proposal and what activating it would do."""
    return {
        **proposal_json(row),
        "text": row.text,
        "before": str(look.before) if look.before else None,
        "changes": changes_json(look.fields),
        "ends": [{"book": book, "on": day.isoformat() if day else None} for book, day in look.ends],
        "refusals": list(look.refusals),
        "lines": [line_json(line) for line in lines_in_words(row.document)],
    }


def _held_json(held: Held) -> dict[str, Any]:
    credit = held.credit and {
        "title": held.credit["title"],
        "percent": plain(Decimal(str(held.credit["percent"]))),
        "limit": plain(Decimal(str(held.credit["limit"]))) if "limit" in held.credit else None,
    }
    return {
        "book": f"{held.book}/{held.version}", "title": held.title, "currency": held.currency,
        "start": rfc3339(held.start), "end": rfc3339(held.end), "plans": None if held.plans is None else list(held.plans),
        "discount_percent": plain(held.discount), "lines": [line_json(line) for line in held.lines],
        "free": list(held.free), "bills_inferred": held.bills_inferred, "credit": credit,
    }  # fmt: skip


def prices_json(tenant: str, month: str, found: Prices) -> dict[str, Any]:
    """Return what things cost for a tenant."""
    return {
        "tenant": tenant,
        "month": month,
        "currency": found.currency,
        "books": [_held_json(held) for held in found.held],
        "contract": contract_json(found.contract, tenant) if found.contract else None,
        "credits": [credit_json(row, tenant) for row in found.credits],
        "commitments": [commitment_json(row, tenant) for row in found.commitments],
    }
