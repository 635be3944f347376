"""`manage.py observe`: the observer's process; run one or more, each landscape has one writer at a time."""

from __future__ import annotations

import signal
from threading import Event as Flag
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import connections

from controlplane.kernel.collecting import look_seldom
from provisioner.observer.watchers import observe


class Command(BaseCommand):
    """Watch landscapes until told to stop."""

    help = "Watch landscapes and write what they say; copies stand by for one another."
    requires_system_checks = ("nesoi", "models")  # not those of addresses, which load every page of the web

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the landscapes to watch."""
        parser.add_argument(
            "--landscape", action="append", default=[], metavar="KEY", help="only this one (repeatable)"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Run until SIGTERM or SIGINT."""
        # Every landscape holds one connection for as long as it is watched: a pool would run dry.
        connections.databases["default"].get("OPTIONS", {}).pop("pool", None)
        stop = Flag()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        look_seldom()
        observe(stop, options["landscape"])
