"""`manage.py catalog apply|diff|show`: load the reviewed YAML files into the tables, and show both.

Exit codes: 0 done (or nothing to do), 2 the files are wrong, 3 refused because it would break a promise.
"""

from __future__ import annotations

import getpass
import json
from argparse import ArgumentParser
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any, cast

from django.core.management.base import BaseCommand, CommandError
from rich.console import Console
from rich.table import Table
from rich.text import Text

from controlplane.catalog.facts import snapshot
from controlplane.catalog.loading.apply import ApplyRefusedError, apply_catalog
from controlplane.catalog.loading.difference import Change
from controlplane.catalog.loading.on_disk import folder
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.tenants.access import Actor

SIGNS = {"add": ("+", "green"), "change": ("~", "yellow"), "remove": ("-", "red")}


class Command(BaseCommand):
    """The catalog's command."""

    help = "Load the catalog's YAML files into the database, or show what that would change."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        apply = verbs.add_parser("apply", help="make the tables equal to the files")
        apply.add_argument("--dry-run", action="store_true", help="print the difference and change nothing")
        diff = verbs.add_parser("diff", help="print the difference and change nothing")
        for verb in (apply, diff):
            verb.add_argument(
                "--dir", type=Path, default=folder(), help="folder with the catalog's files (CATALOG_DIR)"
            )
        verbs.add_parser("show", help="print the plans and channels in force")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the verb."""
        console = Console(file=cast(IO[str], self.stdout), soft_wrap=True, highlight=False)
        if options["verb"] == "show":
            _show(console)
            return
        dry_run = options["verb"] == "diff" or options["dry_run"]
        try:
            applied = apply_catalog(actor=_operator(), directory=options["dir"], dry_run=dry_run)
        except CatalogInvalidError as error:
            raise CommandError(
                f"The catalog's files are wrong; nothing was changed.\n{error}", returncode=2
            ) from error
        except ApplyRefusedError as error:
            _print_changes(console, error.changes)
            raise CommandError(f"Refused; nothing was changed.\n{error}", returncode=3) from error
        _print_changes(console, applied.changes)
        for sentence in applied.sources:
            console.print(Text(f"  {sentence}"))
        for sentence in applied.doubts:
            console.print(Text(f"warning: {sentence}", style="yellow"))
        if applied.doubts:
            console.print("Runtimes keep these as they are; name another version in the next release.")
        if not applied.changes:
            console.print("The catalog is up to date.")
        elif applied.revision is None:
            console.print(f"{len(applied.changes)} change(s); nothing was written.")
        else:
            console.print(f"{len(applied.changes)} change(s) applied as revision {applied.revision}.")


def _operator() -> Actor:
    try:
        return Actor(name=f"operator:{getpass.getuser()}")
    except (KeyError, OSError):  # a container's user without an entry in the password file
        return Actor(name="operator")


def _print_changes(console: Console, changes: Sequence[Change]) -> None:
    for change in changes:
        sign, colour = SIGNS[change.action]
        console.print(Text(f"{sign} {change.kind.replace('_', ' ')} {change.key}", style=colour))
        for name, before, after in change.fields:
            if name != "digest":
                console.print(Text(f"    {name}: {_short(before)} -> {_short(after)}"))


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    limit = 200
    return text if len(text) <= limit else f"{text[:limit]}..."


def _show(console: Console) -> None:
    now = snapshot()
    table = Table("plan", "provider", "state", "regions", "machine types", "zones", "nodes", box=None)
    for plan in now.plans.values():
        table.add_row(
            plan.key,
            plan.provider,
            plan.state,
            str(len(plan.regions)),
            str(len(plan.pool_machine_types)),
            str(plan.zones_per_pool),
            f"{plan.nodes.minimum}-{plan.nodes.ceiling}",
        )
    console.print(table)
    for channel, release in now.releases.items():
        console.print(f"channel {channel}: release {release.key}, Kubernetes {release.kubernetes_patch}")
    console.print(f"revision: {now.revision[0] if now.revision else 'none; run `manage.py catalog apply`'}")
