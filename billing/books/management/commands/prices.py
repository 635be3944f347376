"""`manage.py prices apply|show|whatif`: load the reviewed price books, show them, rate a past month with another.

Exit codes: 0 done (or nothing to do), 2 the files are wrong, 3 refused because it would break a promise.
"""

from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from billing.books.apply import ApplyRefusedError, apply_prices
from billing.books.differences import Change
from billing.books.loading import DATA, BooksInvalidError
from billing.books.models import PlanPrices, PriceBook
from billing.books.whatif import find_book, what_if
from billing.pricing.periods import month
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


class Command(BaseCommand):
    """The price books' command."""

    help = "Load the price books' YAML files into the database, or show what that would change."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="make the price books equal to the files")
        apply.add_argument("--dry-run", action="store_true", help="print the difference and change nothing")
        apply.add_argument("--dir", type=Path, default=DATA, help="folder with the books' files")
        verbs.add_parser("show", help="print the price books, and which plan has which")
        whatif = verbs.add_parser("whatif", help="rate a month with another book; nothing is written")
        whatif.add_argument("--book", required=True, help="key/version of a loaded book, or a YAML file")
        whatif.add_argument("--month", required=True, help="such as 2026-10")
        whatif.add_argument("--instead-of", default="", help="key of the book it stands in for; all, without")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the verb."""
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True, highlight=False)
        if options["verb"] == "show":
            _show(console)
            return
        if options["verb"] == "whatif":
            _print_what_if(console, options)
            return
        try:
            applied = apply_prices(actor=_operator(), directory=options["dir"], dry_run=options["dry_run"])
        except BooksInvalidError as error:
            raise CommandError(
                f"The price books are wrong; nothing was changed.\n{error}", returncode=2
            ) from error
        except ApplyRefusedError as error:
            raise CommandError(f"Refused; nothing was changed.\n{error}", returncode=3) from error
        for change in applied.changes:
            _print_change(console, change)
        for sentence in applied.doubts:
            console.print(Text(f"warning: {sentence}", style="yellow"))
        if not applied.changes:
            console.print("The price books are up to date.")
        else:
            done = "applied" if applied.written else "found; nothing was written"
            console.print(f"{len(applied.changes)} change(s) {done}.")


def _operator() -> Actor:
    try:
        return Actor(name=f"operator:{getpass.getuser()}")
    except (KeyError, OSError):  # a container's user without an entry in the password file
        return Actor(name="operator")


def _print_change(console: Console, change: Change) -> None:
    sign, colour = SIGNS[change.action]
    what = "price book" if change.kind == "book" else "plan"
    console.print(Text(f"{sign} {what} {change.key}", style=colour))
    for name, before, after in change.fields:
        console.print(Text(f"    {name}: {_short(before)} -> {_short(after)}"))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    limit = 200
    return text if len(text) <= limit else f"{text[:limit]}..."


def _print_what_if(console: Console, options: dict[str, Any]) -> None:
    try:
        year, _, number = options["month"].partition("-")
        period = month(int(year), int(number))
    except ValueError as error:
        raise CommandError(f"{options['month']} is no month; write it as 2026-10.", returncode=2) from error
    table = Table("tenant", "billed", "would be", "difference", "currency", "not rated", box=None)
    try:
        book = find_book(options["book"])
        for found in what_if(month=period, book=book, instead_of=options["instead_of"]):
            figures = (str(found.before), str(found.after), f"{found.change:+}")
            table.add_row(found.tenant, *figures, found.currency, str(len(found.problems)))
            for problem in found.problems[:5]:
                console.print(Text(f"{found.tenant}: {problem.detail}", style="yellow"))
    except Refused as refused:
        raise CommandError(refused.detail, returncode=2) from refused
    console.print(table if table.row_count else "No tenant used anything in that month.")


def _show(console: Console) -> None:
    books = Table("book", "version", "currency", "from", "until", "used until", "title", box=None)
    for row in PriceBook.objects.all():
        until = str(row.effective_to or "-")
        books.add_row(
            row.key,
            str(row.version),
            row.currency,
            str(row.effective_from),
            until,
            str(row.used_until or "-"),
            row.title,
        )
    console.print(books)
    for plan in PlanPrices.objects.filter(effective_to__isnull=True):
        console.print(f"plan {plan.plan}: {plan.book} since {plan.effective_from}")
