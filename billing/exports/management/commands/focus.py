"""`manage.py focus export|check`: a month as FOCUS, now; and any FOCUS file held against the rules."""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import date
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.exports.focus.columns import Version
from billing.exports.models import FileFormat, FocusExport
from billing.exports.publishing import check_file
from billing.exports.services import BEAT, ask_export, write_due
from controlplane.kernel.dates import read_month
from controlplane.kernel.errors import Refused
from controlplane.tenants.jobs import JobState


class Command(BaseCommand):
    """Ends with an error where a file breaks a rule."""

    help = "Export a month's charges as FOCUS, or check a FOCUS file."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take export and check."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        export = verbs.add_parser("export", help="write a month")
        export.add_argument("--month", required=True, help="as 2026-01")
        export.add_argument(
            "--to", default="", help="a folder or s3://bucket/prefix; FOCUS_EXPORT_TO unless given"
        )
        checking = verbs.add_parser("check", help="hold a file against the rules")
        checking.add_argument("file", type=Path)
        for verb in (export, checking):
            verb.add_argument(
                "--version-of-focus", dest="focus", default="1.4", choices=[str(v) for v in Version]
            )
            verb.add_argument("--format", default="csv", choices=FileFormat.values)

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say where the file is."""
        try:
            self._export(options) if options["verb"] == "export" else self._check(options)
        except Refused as refusal:
            raise CommandError(refusal.detail) from refusal

    def _export(self, options: dict[str, Any]) -> None:
        to = options["to"]
        if to and not to.startswith("s3:"):
            to = str(Path(to).resolve())
        row = ask_export(
            actor=BEAT,
            month=month_of(options["month"]),
            version=options["focus"],
            file_format=options["format"],
            to=to,
        )
        write_due(only=row.pk)
        row = FocusExport.objects.get(pk=row.pk)
        if row.state == JobState.DONE:
            told = (
                f"{row.rows} rows in {row.place}"
                if row.place
                else "The month is closed, and all of it is there."
            )
            self.stdout.write(told)
        elif row.state == JobState.RUNNING:
            self.stdout.write("A worker writes this very file at the moment.")
        else:
            raise CommandError(row.fault or "Another export of this month is being written; it will follow.")

    def _check(self, options: dict[str, Any]) -> None:
        verdict = check_file(options["file"], Version(options["focus"]), FileFormat(options["format"]))
        for violation in verdict.violations:
            self.stdout.write(str(violation))
        if not verdict.holds:
            raise CommandError(f"{verdict.broken} violations in {verdict.rows} rows.")
        self.stdout.write(f"{verdict.rows} rows hold every rule of FOCUS {options['focus']} that we know.")


def month_of(text: str) -> date:
    """Read a month; raises Refused month_invalid."""
    found = read_month(text)
    if found is None:
        raise Refused("month_invalid", f"{text[:20]!r} is no month; write it as 2026-01.", field="month")
    return found
