"""`manage.py orphans`: clusters that the landscapes hold and no runtime owns."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from controlplane.kernel.errors import Fatal, Retry
from provisioner.landscapes.models import Landscape
from provisioner.observer.orphans import find_orphans


class Command(BaseCommand):
    """Print one line per orphan."""

    help = "Print clusters without a runtime; exits 1 when there are any, 2 when a landscape can't be asked."

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the landscapes to ask."""
        parser.add_argument(
            "--landscape", action="append", default=[], metavar="KEY", help="only this one (repeatable)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask each landscape now."""
        rows = Landscape.objects.order_by("key")
        if options["landscape"]:
            rows = rows.filter(key__in=options["landscape"])
        found = unanswered = 0
        for landscape in rows:
            try:
                orphans = find_orphans(landscape)
            except (Retry, Fatal) as error:
                self.stderr.write(f"{landscape.key}: {error}")
                unanswered += 1
                continue
            for name in orphans:
                self.stdout.write(f"{landscape.key}\t{name}")
            found += len(orphans)
        self.stdout.write(f"{found} orphans.")
        if unanswered or found:
            sys.exit(2 if unanswered else 1)
