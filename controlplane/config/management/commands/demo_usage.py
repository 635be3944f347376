"""Give the demo a past: 45 days of usage, a price change, sealed statements, a correction, budgets."""

from __future__ import annotations

import json
import resource
from pathlib import Path

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.config.demo.client import AnswerError, Client, simulator_client
from controlplane.config.demo.usage_history import History
from controlplane.config.demo.usage_telling import Telling
from controlplane.kernel.errors import Refused
from provisioner.runtimes.models import Runtime


class Command(BaseCommand):
    """`manage.py demo_usage`: once per state folder; killed, the next call goes on where it stood."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the demo's access and the simulator's note."""
        parser.add_argument("--access", type=Path, required=True, help="demo.json of a running stack")
        parser.add_argument("--simulator", type=Path, required=True, help="the ready file of its simulator")

    def handle(self, *args: object, **options: object) -> None:
        """Tell everything and note that it is done."""
        if not settings.EMBEDDED:
            raise CommandError("This makes up a past: it runs with EMBEDDED=true only.")
        access, simulator = Path(str(options["access"])), Path(str(options["simulator"]))
        mark, requested = access.with_name("demo_usage.done"), access.with_name("demo_data.done")
        if mark.exists() and Runtime.objects.exists():
            self.stdout.write("the demo's past was told at an earlier start")
            return
        demo = json.loads(access.read_text())
        tenants = {one["slug"]: Client(demo["url"], one["token"]) for one in demo["tenants"]}
        history = History(simulator_client(simulator), self.stdout.write)
        note = access.with_name("demo_usage.json")
        try:
            Telling(tenants, history, note, requested.exists, self.stdout.write).run()
        except (AnswerError, OSError, Refused, ValueError) as error:
            raise CommandError(
                f"The past could not be told: {error}. The next start goes on with it."
            ) from error
        mark.touch()
        spent = resource.getrusage(resource.RUSAGE_SELF)
        self.stdout.write(
            f"the demo's past is told, in {spent.ru_utime + spent.ru_stime:.0f} s of processor time"
        )
