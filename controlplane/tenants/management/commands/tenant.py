"""`manage.py tenant create|token`: the first tenant of an installation, and tokens, from the machine itself.

What is secret goes to the standard output, once and alone; what is said goes to the standard error.
Exit codes: 0 done (or there before), 2 refused, with one line that says why.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Role
from controlplane.tenants.founding import LONGEST_TTL, Founding, found_tenant, hand_out_token, operator


class Command(BaseCommand):
    """The tenants' command."""

    help = "Make a tenant with an account and an owner, or a token for a tenant."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        create = verbs.add_parser("create", help="make a tenant, its first account and its owner")
        create.add_argument("--slug", required=True, help="as addresses and labels name the tenant")
        create.add_argument("--name", required=True, help="as people name it")
        create.add_argument("--account", required=True, help="slug of its first account")
        create.add_argument("--owner", required=True, help="user name of a new person, who will own it")
        create.add_argument("--email", default="", help="of that person")
        token = verbs.add_parser("token", help="make an API token")
        token.add_argument("--tenant", required=True, help="slug of the tenant whose token it is")
        token.add_argument("--role", required=True, choices=[role.value for role in Role])
        token.add_argument("--name", required=True, help="as the audit trail names it, for example ci")
        token.add_argument("--ttl-days", type=int, default=90, help=f"1 to {LONGEST_TTL.days}; 90 by default")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the verb."""
        try:
            secret, said = _create(options) if options["verb"] == "create" else _token(options)
        except Refused as refusal:
            raise CommandError(refusal.detail, returncode=2) from refusal
        self.stderr.write(said, self.style.SUCCESS)
        if secret:
            self.stdout.write(secret)


def _create(options: dict[str, Any]) -> tuple[str | None, str]:
    founding = Founding(**{name: options[name] for name in ("slug", "name", "account", "owner", "email")})
    password = found_tenant(actor=operator(), founding=founding)
    if password is None:
        return None, f"The tenant “{founding.slug}” is there already, just so; nothing was changed."
    return password, f"The tenant “{founding.slug}” is there; {founding.owner} signs in with this password:"


def _token(options: dict[str, Any]) -> tuple[str, str]:
    days = options["ttl_days"]
    plain = hand_out_token(
        actor=operator(),
        tenant_slug=options["tenant"],
        name=options["name"],
        role=Role(options["role"]),
        ttl=timedelta(days=max(-1, min(days, LONGEST_TTL.days + 1))),
    )
    return (
        plain,
        f"A token of “{options['tenant']}” as {options['role']}, for {days} days; it is shown only here:",
    )
