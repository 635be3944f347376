"""`manage.py platform token|tokens|revoke`: tokens of the platform's own team, from the machine itself.

What is secret goes to the standard output, once and alone; what is said goes to the standard error.
Exit codes: 0 done, 2 refused, with one line that says why.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.dates import end_of, read_day
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import PlatformRole
from controlplane.tenants.founding import (
    LONGEST_TTL,
    hand_out_platform_token,
    operator,
    platform_tokens,
    revoke_platform_token,
)


class Command(BaseCommand):
    """The platform's command."""

    help = "Make, list and revoke API tokens of the platform's own team."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Three verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        token = verbs.add_parser("token", help="make one; its secret is printed once")
        token.add_argument("--role", required=True, choices=[role.value for role in PlatformRole if role])
        token.add_argument("--name", required=True, help="as the audit trail names it, for example on-call")
        token.add_argument(
            "--expires",
            required=True,
            metavar="YYYY-MM-DD",
            help=f"the last day on which it works (UTC), at most {LONGEST_TTL.days} days from now",
        )
        verbs.add_parser("tokens", help="those that work now, without their secrets")
        revoke = verbs.add_parser("revoke", help="make one worthless")
        revoke.add_argument("--name", required=True)

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the verb."""
        try:
            getattr(self, f"_{options['verb']}")(options)
        except Refused as refusal:
            raise CommandError(refusal.detail, returncode=2) from refusal

    def _token(self, options: dict[str, Any]) -> None:
        until = _end_of(options["expires"])
        role, name = PlatformRole(options["role"]), options["name"]
        plain = hand_out_platform_token(actor=operator(), name=name, role=role, expires_at=until)
        said = f"A token of the platform as {role}, until {rfc3339(until)}; it is shown only here:"
        self.stderr.write(said, self.style.SUCCESS)
        self.stdout.write(plain)

    def _tokens(self, _options: dict[str, Any]) -> None:
        for row in platform_tokens():
            until = rfc3339(row.expires_at) or "no end"
            self.stdout.write(f"{row.name}  {row.platform_role}  {row.prefix}…  until {until}")

    def _revoke(self, options: dict[str, Any]) -> None:
        revoke_platform_token(actor=operator(), name=options["name"])
        self.stderr.write(f"“{options['name']}” lets nobody in any more.", self.style.SUCCESS)


def _end_of(text: str) -> datetime:
    """Return the end of a day."""
    day = read_day(text)
    if day is None:
        detail = f"“{text[:40]}” is no day; write one as 2027-03-31."
        raise Refused("expires_invalid", detail, field="expires")
    return end_of(day)
