"""Fill the demo: request about 60 runtimes over the REST API, as the demo's tenants would."""

from __future__ import annotations

import json
from pathlib import Path

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.config.demo.client import AnswerError, Client, simulator_client
from controlplane.config.demo.filling import Filling
from provisioner.runtimes.models import Runtime


class Command(BaseCommand):
    """`manage.py demo_data`: once per state folder; a second call says that nothing is left to do."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Take the demo's access and the simulator's note."""
        parser.add_argument("--access", type=Path, required=True, help="demo.json of a running stack")
        parser.add_argument("--simulator", type=Path, required=True, help="the ready file of its simulator")

    def handle(self, *args: object, **options: object) -> None:
        """Request everything and note that it is done."""
        access, simulator = Path(str(options["access"])), Path(str(options["simulator"]))
        mark = access.with_name("demo_data.done")
        if mark.exists() and Runtime.objects.exists():
            self.stdout.write("the demo's runtimes were requested at an earlier start")
            return
        demo = json.loads(access.read_text())
        tenants = {one["slug"]: Client(demo["url"], one["token"]) for one in demo["tenants"]}
        filling = Filling(tenants, simulator_client(simulator), _cluster_name, self.stdout.write)
        try:
            filling.run()
        except (AnswerError, OSError) as error:
            raise CommandError(f"The demo could not be filled: {error}.") from error
        mark.touch()


def _cluster_name(runtime_id: str) -> str:
    return str(Runtime.objects.get(pk=runtime_id).cluster_name)
