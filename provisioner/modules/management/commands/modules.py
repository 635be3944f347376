"""`manage.py modules images RELEASE`: what nodes pull for its modules, and where each is to be copied from."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.catalog.facts import snapshot
from controlplane.kernel.errors import Fatal, Retry
from controlplane.kernel.sentences import choices
from provisioner.modules.pulling import images_of


class Command(BaseCommand):
    """The modules' command."""

    help = __doc__

    def add_arguments(self, parser: ArgumentParser) -> None:
        """One verb."""
        images = parser.add_subparsers(dest="verb", required=True).add_parser(
            "images", help="list the images that a release's modules need"
        )
        images.add_argument("release", help="the release's key, drafts included")

    def handle(self, *_: Any, release: str, **__: Any) -> None:
        """Print a line for each image: its name for nodes, then `<-` and its origin where a mirror has it, then its modules."""
        releases = snapshot().every_release
        if release not in releases:
            raise CommandError(
                f"There is no release {release}. {choices(sorted(releases), release)}", returncode=2
            )
        found = releases[release]
        try:
            pulled = images_of(found.modules, found.kubernetes_patch)
        except (Retry, Fatal) as error:
            raise CommandError(str(error), returncode=3) from error
        for one in pulled:
            origin = f" <- {one.origin}" if one.origin else ""
            self.stdout.write(f"{one.image}{origin} ({', '.join(one.modules)})")
