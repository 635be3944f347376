"""Writes a month as FOCUS, holds it against the rules, and only then hands it over."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from django.conf import settings

from billing.exports import places
from billing.exports.focus.beside import invoice_row, period_row
from billing.exports.focus.checking import Verdict, check
from billing.exports.focus.columns import Dataset, Form, Row, Version, project
from billing.exports.focus.csv_file import read_csv, write_csv
from billing.exports.focus.mapping import row_of
from billing.exports.focus.metadata import schema_of
from billing.exports.focus.parquet_file import read_parquet, write_parquet
from billing.exports.models import FileFormat
from billing.exports.sourcing import charges_of, touched
from billing.pricing.periods import month as period_of
from controlplane.kernel.errors import Refused

TOLD = 3  # violations in the reason of a refusal
EACH = 2000  # rows between two words on progress
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Published:
    """Where a file is, how many rows it has, and its SHA-256."""

    place: str
    rows: int
    digest: str


def publish(
    *,
    month: date,
    version: Version,
    file_format: FileFormat,
    to: str,
    part: int = 0,
    statements: Sequence[UUID] | None = None,
    closed: bool = False,
    progress: Progress = lambda rows: None,
) -> Published:
    """Write the charges of a month (or of some of its statements) as one file, in place of the one of that name.

    With 1.4 go its other datasets, each in a folder of its name: the month's state, and the lines of sealed statements.

    The file is written aside and read back; one row that breaks a rule and nothing is handed over: the former file stays. The
    metadata goes first, for it says nothing of the rows. Raises Refused export_not_conformant (409), export_failed (503).
    """
    stem = f"focus-{version}/billing_period={month:%Y-%m}"
    with tempfile.TemporaryDirectory(prefix="focus-") as folder:
        file = Path(folder) / f"nesoi-{month:%Y-%m}-part-{part:05}.{file_format}"
        rows = _told(_rows(month, version, statements), progress)
        try:
            write_csv(file, rows, version) if file_format is FileFormat.CSV else write_parquet(
                file, rows, version
            )
        except ValueError as error:
            raise Refused("export_not_conformant", f"{error} Nothing was handed over.", status=409) from error
        verdict = check_file(file, version, file_format, progress)
        if not verdict.holds:
            raise Refused("export_not_conformant", _reason(verdict), status=409)
        beside = _all_beside(file, version, file_format, month, statements, closed=closed)
        for dataset, other in beside:
            _describe(dataset, file_format, Path(folder), to, f"{stem}/{dataset}")
            places.put(other, to, f"{stem}/{dataset}/{other.name}")
        _describe(version, file_format, Path(folder), to, stem)
        place = places.put(file, to, f"{stem}/{file.name}")
        with file.open("rb") as whole:
            digest = hashlib.file_digest(whole, "sha256").hexdigest()
    return Published(place, verdict.rows, digest)


def _all_beside(
    file: Path,
    version: Version,
    file_format: FileFormat,
    month: date,
    statements: Sequence[UUID] | None,
    *,
    closed: bool,
) -> list[tuple[Dataset, Path]]:
    """Write whatever goes with a version, before anything is handed over."""
    if version is not Version.V1_4:
        return []
    found = _beside(month, statements, closed=closed)
    return [(dataset, _written(file, dataset, lines, file_format)) for dataset, lines in found]


def _beside(
    month: date, statements: Sequence[UUID] | None, *, closed: bool
) -> Iterator[tuple[Dataset, Iterator[Row]]]:
    issuer, terms = settings.FOCUS_ISSUER, settings.FOCUS_PAYMENT_TERMS
    period = period_of(month.year, month.month)
    state = period_row(period, issuer=issuer, closed=closed, touched=touched(month))
    yield Dataset.BILLING_PERIOD, iter([state])
    lines = (
        invoice_row(charge, issuer=issuer, payment_terms=terms)
        for charge in charges_of(month, statements=statements)
    )
    yield Dataset.INVOICE_DETAIL, (line for line in lines if line is not None)


def _written(file: Path, dataset: Dataset, rows: Iterator[Row], file_format: FileFormat) -> Path:
    """Write one more dataset beside a file of charges, and hold it against its rules; a month has one state for all its parts."""
    name = file.name if dataset is Dataset.INVOICE_DETAIL else re.sub(r"-part-\d+", "", file.name)
    path = file.parent / str(dataset) / name
    path.parent.mkdir()
    try:
        write_csv(path, rows, dataset) if file_format is FileFormat.CSV else write_parquet(
            path, rows, dataset
        )
    except ValueError as error:
        raise Refused("export_not_conformant", f"{error} Nothing was handed over.", status=409) from error
    verdict = check_file(path, dataset, file_format)
    if not verdict.holds:
        raise Refused("export_not_conformant", _reason(verdict), status=409)
    return path


def _describe(form: Form, file_format: FileFormat, folder: Path, to: str, stem: str) -> None:
    schema = folder / "metadata.json"
    schema.write_text(json.dumps(schema_of(form, str(file_format)), indent=2) + "\n", encoding="utf-8")
    places.put(schema, to, f"{stem}/metadata-{file_format}.json")


def check_file(
    file: Path, version: Form, file_format: FileFormat, progress: Progress = lambda rows: None
) -> Verdict:
    """Judge a file by what is in it; raises Refused file_unreadable where it is no file of that kind."""
    try:
        header, rows = read_csv(file, version) if file_format is FileFormat.CSV else read_parquet(file)
        return check(header, _told(rows, progress), version)
    except (OSError, ValueError) as error:  # pyarrow's errors of reading are ValueErrors or OSErrors
        raise Refused(
            "file_unreadable", f"{file.name} can't be read as {file_format}: {error}", field="file"
        ) from error


def _rows(month: date, version: Version, statements: Sequence[UUID] | None) -> Iterator[Row]:
    issuer = settings.FOCUS_ISSUER
    for charge in charges_of(month, statements=statements):
        yield project(row_of(charge, issuer=issuer), version)


def _told(rows: Iterable[Row], progress: Progress) -> Iterator[Row]:
    count = 0
    for count, row in enumerate(rows, 1):
        if count % EACH == 0:
            progress(count)
        yield row
    progress(count)


def _reason(verdict: Verdict) -> str:
    told = "; ".join(str(violation) for violation in verdict.violations[:TOLD])
    more = f" and {verdict.broken - TOLD} more" if verdict.broken > TOLD else ""
    return f"The file breaks rules of FOCUS and was not handed over: {told}{more}."
