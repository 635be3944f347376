"""Rates a sealed statement again from the inputs it kept, and compares byte by byte."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from datetime import date
from decimal import Decimal

import orjson

from billing.pricing.types import ENGINES
from billing.statements.canonical import books_of, digest_of, lines_body
from billing.statements.inputs import booked_line, booked_of, books_at
from billing.statements.models import Charge, Inputs, State, Statement
from billing.statements.rating import make
from billing.statements.sealing import digest_of_statement
from billing.statements.stored import opened


def check_statement(row: Statement) -> list[str]:
    """Return a sentence for everything in a sealed statement that is not as it was sealed; an honest one has none."""
    return list(_faults(row))


def _faults(row: Statement) -> Iterator[str]:
    if row.state != State.SEALED:
        yield "It is a draft: only what is sealed can be checked."
        return
    if digest_of_statement(row) != row.digest:
        yield "The statement's row was changed: its digest is another."
    lines = [booked_line(charge) for charge in Charge.objects.filter(statement=row).order_by("position")]
    stored = lines_body(lines)
    if digest_of(stored) != row.lines_digest:
        yield "Its lines were changed: their digest is another."
    if (total := sum((booked.line.billed_cost for booked in lines), Decimal(0))) != row.total:
        yield f"Its lines add up to {total}, and it says {row.total}."
    try:
        body = opened(Inputs.objects.get(statement=row).document)
    except (Inputs.DoesNotExist, zlib.error):
        yield "Its inputs are gone or can't be read."
        return
    if digest_of(body) != row.input_digest:
        yield "Its inputs were changed: their digest is another."
        return
    yield from _rated_again(row, body, stored)


def _rated_again(row: Statement, body: bytes, stored: bytes) -> Iterator[str]:
    document = orjson.loads(body)
    if document["engine"] not in ENGINES:
        known = ", ".join(ENGINES)
        yield f"It was rated by engine {document['engine']}, this release has {known}: check it with a release of that engine."
        return
    parts = [document["terms"], *(entry["terms"] for entry in document["corrected"])]
    try:
        books = books_at({name for part in parts for name in books_of(part)})
    except KeyError as missing:
        yield f"Price book {missing.args[0]} is gone or was changed."
        return
    origins = [date.fromisoformat(entry["month"]) for entry in document["corrected"]]
    booked = {origin: booked_of(row.tenant_id, origin, before=row.number) for origin in origins}
    made = make(document, books, booked)
    if lines_body(made.lines) != stored:
        yield "Rated again, its lines come out different."
    if made.problems:
        yield f"Rated again, something can't be rated: {made.problems[0].detail}"
