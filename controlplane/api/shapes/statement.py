"""Statements, their lines, and what a line came from. Amounts are decimal numbers as texts, beside their currency."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from billing.pricing.amounts import plain
from billing.pricing.types import Category
from billing.statements.canonical import moment
from billing.statements.evidence import Piece, Sample
from billing.statements.models import Charge, State, Statement
from billing.statements.reading import name_in
from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
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

AMOUNT = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "A decimal number, exactly."}
MONTH = {"type": "string", "pattern": r"^\d{4}-\d{2}$", "description": "A month of UTC, as 2026-10."}
_KNOWN = ("alive_seconds", "observed_seconds", "inferred_seconds", "unknown_seconds")
_NAMED = record({"id": ID, "name": TEXT})

STATEMENT = Shape(
    "Statement",
    record(
        {
            "id": ID,
            "url": URL,
            "tenant": TEXT,
            "month": MONTH,
            "state": words([str(state) for state in State], "A sealed one never changes."),
            "number": {"type": ["integer", "null"], "description": "Counts the tenant's sealed statements."},
            "currency": TEXT,
            "total": AMOUNT,
            "lines": COUNT,
            "coverage": record(
                dict.fromkeys(_KNOWN, COUNT),
                description="How much of the runtimes' time is known; what nobody saw is not billed.",
            ),
            "books": {**FREE, "description": "Price books by key/version, with the hash of their content."},
            "engine_version": TEXT,
            "input_digest": {"type": "string", "description": "SHA-256 of everything that was rated."},
            "digest": {"type": ["string", "null"], "description": "SHA-256 of inputs, lines, books and total; once sealed."},
            "usage_bound": {**MOMENT, "description": "What was stored until then is in it."},
            "credits": several(FREE),
            "commitments": several(FREE),
            "problems": several(record({"code": TEXT, "detail": TEXT})),
            "drafted_at": MOMENT,
            "sealed_at": MAYBE_MOMENT,
        },
        description="What a month costs a tenant.",
    ),
)  # fmt: skip
STATEMENT_LIST = page_of(STATEMENT)

LINE = Shape(
    "StatementLine",
    record(
        {
            "id": TEXT,
            "url": URL,
            "category": words([str(category) for category in Category]),
            "class": {
                "type": ["string", "null"],
                "description": "`Correction` of a month that was sealed before.",
            },
            "corrects": {
                "type": ["string", "null"],
                "description": "Of a correction: the month that it mends.",
            },
            "account": maybe(_NAMED),
            "runtime": maybe(_NAMED),
            "plan": TEXT,
            "region": TEXT,
            "meter": TEXT,
            "dimension": TEXT,
            "start": MOMENT,
            "end": MOMENT,
            "quantity": AMOUNT,
            "unit": TEXT,
            "list_unit_price": AMOUNT,
            "contracted_unit_price": AMOUNT,
            "list_cost": AMOUNT,
            "contracted_cost": AMOUNT,
            "billed_cost": AMOUNT,
            "effective_cost": AMOUNT,
            "currency": TEXT,
            "book": MAYBE_TEXT,
            "price_line": TEXT,
            "part": TEXT,
            "commitment": TEXT,
            "commitment_status": TEXT,
            "credit": TEXT,
            "observed_seconds": COUNT,
            "alive_seconds": COUNT,
            "description": TEXT,
        },
        description="One charge.",
    ),
)
LINE_LIST = Shape(
    "StatementLineList",
    record({"results": several(LINE), "next": maybe(URL)}, description="One page, in the statement's order."),
)
PIECE = Shape(
    "UsagePiece",
    record(
        {
            "start": MOMENT,
            "base_quantity": AMOUNT,
            "base_inferred": AMOUNT,
            **dict.fromkeys(_KNOWN[1:], COUNT),
        },
        description="A day or an hour: base units of the meter times seconds, and how much of the time is known.",
    ),
)
SAMPLE_SEEN = Shape(
    "UsageSampleSeen",
    record({"slot": MOMENT, "epoch": COUNT, "level": AMOUNT, "reported_at": MOMENT, "stored_at": MOMENT}),
)
EVIDENCE = Shape(
    "LineEvidence",
    record(
        {
            "line": LINE,
            "base_quantity": {**AMOUNT, "description": "What the line was rated from, in base units."},
            "days": several(PIECE),
            "hours": several(PIECE),
            "samples": several(SAMPLE_SEEN),
        },
        description="Days of the line; hours of the day that was asked for; samples of the hour that was. As known now.",
    ),
)
CHECKED = Shape(
    "StatementCheck",
    record({"statement": ID, "holds": {"type": "boolean"}, "faults": several(TEXT)}),
)
DRAFT_WISH = Shape(
    "StatementWish",
    {
        "type": "object",
        "additionalProperties": False,
        "required": ["tenant", "month"],
        "properties": {"tenant": {"type": "string", "maxLength": 40}, "month": MONTH},
    },
    example={"tenant": "archipel", "month": "2026-10"},
)
CSV_FILE = Shape("StatementCsv", {"type": "string", "description": "One row for each line; RFC 4180."})
PDF_FILE = Shape("StatementPdf", {"type": "string", "contentMediaType": "application/pdf"})


def statement_json(row: Statement, *, base: str) -> dict[str, Any]:
    """Return a statement; reads `tenant` of the row."""
    return {
        "id": str(row.pk),
        "url": f"{base}/api/v1/statements/{row.pk}",
        "tenant": row.tenant.slug,
        "month": f"{row.month:%Y-%m}",
        "state": row.state,
        "number": row.number,
        "currency": row.currency,
        "total": plain(row.total),
        "lines": row.charges_count,
        "coverage": {name: getattr(row, name) for name in _KNOWN},
        "books": row.books,
        "engine_version": row.engine_version,
        "input_digest": row.input_digest,
        "digest": row.digest or None,
        "usage_bound": rfc3339(row.usage_bound),
        "credits": row.drawn,
        "commitments": row.commitments,
        "problems": [{"code": problem["code"], "detail": problem["detail"]} for problem in row.problems],
        "drafted_at": rfc3339(row.drafted_at),
        "sealed_at": rfc3339(row.sealed_at),
    }


def line_json(row: Statement, line: Charge, *, base: str) -> dict[str, Any]:
    """Return a line with the names that things had when the statement was drafted."""
    numbers = (
        "quantity", "list_unit_price", "contracted_unit_price", "list_cost", "contracted_cost", "billed_cost", "effective_cost",
    )  # fmt: skip
    texts = (
        "plan", "region", "meter", "dimension", "unit", "currency", "price_line", "part", "commitment", "commitment_status",
        "credit", "observed_seconds", "alive_seconds", "description",
    )  # fmt: skip
    return {
        "id": line.line_id,
        "url": f"{base}/api/v1/statements/{row.pk}/lines/{line.line_id}",
        "category": line.category,
        "class": line.charge_class or None,
        "corrects": f"{line.origin_month:%Y-%m}" if line.origin_month else None,
        "account": _named(row, line.account),
        "runtime": _named(row, line.runtime),
        "start": moment(line.period_start),
        "end": moment(line.period_end),
        "book": f"{line.book}/{line.book_version}" if line.book else None,
        **{name: plain(getattr(line, name)) for name in numbers},
        **{name: getattr(line, name) for name in texts},
    }


def evidence_json(
    line: dict[str, Any],
    quantity: str,
    days: Sequence[Piece],
    hours: Sequence[Piece],
    samples: Sequence[Sample],
) -> dict[str, Any]:
    """Return what a line came from."""
    return {
        "line": line,
        "base_quantity": quantity,
        "days": [_piece(piece) for piece in days],
        "hours": [_piece(piece) for piece in hours],
        "samples": [
            {
                "slot": moment(sample.slot),
                "epoch": sample.epoch,
                "level": str(sample.level),
                "reported_at": rfc3339(sample.reported_at),
                "stored_at": rfc3339(sample.stored_at),
            }
            for sample in samples
        ],
    }


def _named(row: Statement, thing: Any) -> dict[str, str] | None:
    return None if thing is None else {"id": str(thing), "name": name_in(row.names, thing)}


def _piece(piece: Piece) -> dict[str, Any]:
    return {
        "start": moment(piece.start),
        "base_quantity": str(piece.quantity),
        "base_inferred": str(piece.inferred),
        **{name: getattr(piece, name) for name in _KNOWN[1:]},
    }
