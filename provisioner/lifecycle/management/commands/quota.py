"""`manage.py quota check [--repair]`: whether every tenant's usage is the sum of its runtimes."""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from controlplane.tenants.access import Actor, PlatformRole
from provisioner.lifecycle.quota_check import check, repair


class Command(BaseCommand):
    """Exits with 1 when something does not add up and was not repaired."""

    help = "Compare what is kept of every tenant's usage with its runtimes, and repair it when told to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb, one option."""
        parser.add_argument("verb", choices=["check"])
        parser.add_argument("--repair", action="store_true", help="write what is true")

    def handle(self, *args: Any, **options: Any) -> None:
        """Say what differs."""
        actor = Actor(name=f"command:{getpass.getuser()}", platform_role=PlatformRole.ADMIN)
        found = repair(actor=actor) if options["repair"] else check()
        if found.is_clean:
            self.stdout.write("Every tenant's usage is the sum of its runtimes.")
            return
        plural = "" if found.uncounted == 1 else "s"
        if found.uncounted:
            self.stdout.write(f"{found.uncounted} runtime{plural} not counted")
        for wrong in found.wrong:
            self.stdout.write(
                f"tenant {wrong.tenant_id}, {wrong.plan or 'all plans'}: {wrong.kept} is kept, {wrong.true} is true"
            )
        if not options["repair"]:
            raise SystemExit(1)
        self.stdout.write("Repaired.")
