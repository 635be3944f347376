"""Prepare an embedded stack: tables, catalog, prices, and the demo's tenants, people and tokens."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.config.demo.access import make_access
from controlplane.config.demo.usage_books import books_folder


class Command(BaseCommand):
    """`manage.py demo_access`: all that has to stand before the demo's first request, in one process."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the file to write and the landscape's kubeconfig."""
        parser.add_argument("--access", type=Path, required=True, help="where demo.json is written")
        parser.add_argument("--kubeconfig", type=Path, required=True, help="of the embedded landscape")

    def handle(self, *args: object, **options: object) -> None:
        """Bring everything to its newest state; the same call again changes nothing."""
        if not settings.EMBEDDED:
            raise CommandError("This makes demo users: it runs with EMBEDDED=true only.")
        access, kubeconfig = Path(str(options["access"])), Path(str(options["kubeconfig"]))
        call_command("migrate", interactive=False, verbosity=0)
        # A first load would print hundreds of lines.
        call_command("catalog", "apply", stdout=StringIO())
        call_command("prices", "apply", dir=books_folder(access.parent), stdout=StringIO())
        make_access(url=settings.PUBLIC_URL, file=access, kubeconfig=kubeconfig)
        self.stdout.write(f"demo access is in {access}")
