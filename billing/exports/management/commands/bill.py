"""`manage.py bill import PLACE | places`: a provider's bill from a file, a folder or a bucket; and where bills are looked for."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.exports.bills.importing import FORMATS, import_bill
from billing.exports.models import BillPlace
from billing.exports.services import BEAT
from controlplane.kernel.errors import Refused


class Command(BaseCommand):
    """Books a bill as a whole; wrong rows are listed, and then nothing is booked."""

    help = "Import a provider's bill, or list the places that are looked at by themselves."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take import and places."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        verbs.add_parser("places", help="list where bills are looked for, and what came of it")
        importing = verbs.add_parser("import", help="book the bill at a place")
        importing.add_argument("source", help="a file, a folder, s3://bucket/key, or s3://bucket/prefix/")
        importing.add_argument("--format", default="cur2", choices=list(FORMATS))
        importing.add_argument("--provider", default="aws")
        importing.add_argument(
            "--final-again", action="store_true", help="replace a bill that had its invoice"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Do it, and say what was booked."""
        if options["verb"] == "places":
            for place in BillPlace.objects.order_by("-due_at", "provider", "place"):
                looked = (
                    f"looked at {place.looked_at:%Y-%m-%d %H:%M}" if place.looked_at else "not looked at yet"
                )
                state = place.fault or ("booked" if place.bill_id else "nothing there")
                self.stdout.write(f"{place.provider} {place.place}: {looked}, {state}")
            return
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
