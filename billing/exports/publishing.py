"""Writes a month as FOCUS, holds it against the rules, and only then hands it over."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from uuid import UUID

from django.conf import settings

from billing.exports import places
from billing.exports.focus.checking import Verdict, check
from billing.exports.focus.columns import Row, Version, project
from billing.exports.focus.csv_file import read_csv, write_csv
from billing.exports.focus.mapping import row_of
from billing.exports.focus.metadata import schema_of
from billing.exports.focus.parquet_file import read_parquet, write_parquet
from billing.exports.models import FileFormat
from billing.exports.sourcing import charges_of
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
    progress: Progress = lambda rows: None,
) -> Published:
    """Write the charges of a month (or of some of its statements) as one file, in place of the one of that name.

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
        schema = Path(folder) / "metadata.json"
        schema.write_text(json.dumps(schema_of(version, str(file_format)), indent=2) + "\n", encoding="utf-8")
        places.put(schema, to, f"{stem}/metadata-{file_format}.json")
        place = places.put(file, to, f"{stem}/{file.name}")
        with file.open("rb") as whole:
            digest = hashlib.file_digest(whole, "sha256").hexdigest()
    return Published(place, verdict.rows, digest)


def check_file(
    file: Path, version: Version, file_format: FileFormat, progress: Progress = lambda rows: None
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
