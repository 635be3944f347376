"""`manage.py collector`: the collector's process; run one or more, each runtime has one reader at a time."""

from __future__ import annotations

from typing import Any

import uvloop
from django.core.management.base import BaseCommand
from django.db import connections

from billing.collecting.process import Process
from controlplane.kernel.collecting import look_seldom


class Command(BaseCommand):
    """Read runtimes until told to stop."""

    help = "Read every runtime once in each slot, and hand what was seen to the usage store; copies share the runtimes."
    requires_system_checks = ("nesoi", "models")  # not those of addresses, which load every page of the web

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        # The session that holds this copy's locks must stay the same: none of a pool.
        connections.databases["default"].get("OPTIONS", {}).pop("pool", None)
        look_seldom()
        uvloop.run(_collect())


async def _collect() -> None:
    await Process().run()
