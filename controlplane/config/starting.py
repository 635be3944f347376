"""Processes that Celery starts refuse dangerous settings too: what its own Django fixup finds by checks is told to nobody."""

from __future__ import annotations

import sys
from typing import Any

from django.core.checks import Tags
from django.core.checks.registry import registry
from django.core.management import call_command
from django.core.management.base import SystemCheckError

from controlplane.kernel.collecting import look_seldom

REFUSED = 2  # exit status


def refuse_dangerous_settings(**_told: Any) -> None:
    """Run the system checks; raises SystemExit when they find an error, which stands on stderr then.

    Those of addresses are the web's: they load every page, which is a quarter of a start and stays in memory.
    """
    try:
        call_command("check", verbosity=0, tags=sorted(registry.tags_available() - {Tags.urls}))
    except SystemCheckError as found:
        print(found, file=sys.stderr)  # noqa: T201 - the last words of a process that does not start
        raise SystemExit(REFUSED) from None


def load_before_forking(**_told: Any) -> None:
    """Import once, in the parent, what each of the worker's processes would import for itself at its first steps."""
    from provisioner.drivers.kube.client import kubernetes_client
    from provisioner.modules.registry import all_modules
    from provisioner.operations import flowbook

    kubernetes_client()
    flowbook.all_flows()
    all_modules()
    look_seldom()
