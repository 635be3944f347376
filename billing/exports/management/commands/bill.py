"""`manage.py bill import PLACE`: a provider's bill from a file, a folder or a bucket."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.exports.bills.importing import FORMATS, import_bill
from billing.exports.services import BEAT
from controlplane.kernel.errors import Refused


class Command(BaseCommand):
    """Books a bill as a whole; wrong rows are listed, and then nothing is booked."""

    help = "Import a provider's bill."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take import."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        importing = verbs.add_parser("import", help="book the bill at a place")
        importing.add_argument("source", help="a file, a folder, s3://bucket/key, or s3://bucket/prefix/")
        importing.add_argument("--format", default="cur2", choices=list(FORMATS))
        importing.add_argument("--provider", default="aws")
        importing.add_argument(
            "--final-again", action="store_true", help="replace a bill that had its invoice"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was booked."""
        try:
            row, booked = import_bill(
                actor=BEAT, source=options["source"], file_format=options["format"], provider=options["provider"],
                final_again=options["final_again"],
            )  # fmt: skip
        except Refused as refusal:
            for fault in refusal.errors:
                self.stderr.write(fault.detail)
            raise CommandError(refusal.detail) from refusal
        state = f"final, invoice {row.invoice}" if row.invoice else "open"
        told = f"{row.provider} {row.payer} {row.month:%Y-%m}: {row.lines} lines, {row.amortized:.2f} {row.currency}, {state}"
        self.stdout.write(told if booked else f"{told}; booked before, nothing changed.")
