"""`manage.py orphans`: clusters that the landscapes hold and no runtime owns; and the removal of one."""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.kernel.errors import Fatal, Refused, Retry
from controlplane.tenants.access import SYSTEM
from provisioner.drivers.base import Situation
from provisioner.landscapes.models import Landscape
from provisioner.observer.orphans import compare, remove_orphan


class Command(BaseCommand):
    """Print one line per orphan, or remove one."""

    help = (
        "Print clusters without a runtime (exits 1 when there are any, 2 when a landscape can't be asked), "
        "or remove one of them."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the landscapes to ask, and what to remove."""
        parser.add_argument(
            "--landscape", action="append", default=[], metavar="KEY", help="only this one (repeatable)"
        )
        parser.add_argument("--remove", metavar="NAME", help="remove this cluster, with all that is in it")
        parser.add_argument("--confirm", metavar="NAME", help="the same name again, instead of a question")

    def handle(self, *args: Any, **options: Any) -> None:
        """Ask each landscape now."""
        rows = Landscape.objects.order_by("key")
        if options["landscape"]:
            rows = rows.filter(key__in=options["landscape"])
        if options["remove"]:
            self._remove(list(rows), options["remove"], options["confirm"])
            return
        found = unanswered = 0
        for landscape in rows:
            try:
                seen = compare(landscape)
            except (Retry, Fatal) as error:
                self.stderr.write(f"{landscape.key}: {error}")
                unanswered += 1
                continue
            for name in seen.orphans:
                lost = "\tlost its owner label" if name in seen.unlabelled else ""
                self.stdout.write(f"{landscape.key}\t{name}{lost}")
            found += len(seen.orphans)
        self.stdout.write(f"{found} orphans.")
        if unanswered or found:
            sys.exit(2 if unanswered else 1)

    def _remove(self, rows: list[Landscape], name: str, confirm: str | None) -> None:
        if len(rows) != 1:
            raise CommandError("Say with --landscape in which one landscape the cluster is.", returncode=2)
        if confirm is None and sys.stdin.isatty():
            confirm = input(
                f"This destroys the cluster and all that is in it. Type {name} to go on: "
            ).strip()
        if confirm != name:
            raise CommandError(f"Nothing was removed: confirm with --confirm {name}.", returncode=2)
        try:
            seen = remove_orphan(actor=SYSTEM, landscape=rows[0], name=name)
        except (Refused, Retry, Fatal) as error:
            raise CommandError(str(error), returncode=2) from error
        gone = seen.situation is Situation.ABSENT
        self.stdout.write(f"{name} is gone." if gone else f"{name} is being removed.")
