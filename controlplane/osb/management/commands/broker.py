"""`manage.py broker credentials …|map`: with what platforms sign in to the service broker, from the machine itself.

    broker credentials create --name NAME (--tenant SLUG | --platform)
    broker credentials list
    broker credentials rotate USERNAME [--overlap-hours 24]
    broker credentials revoke USERNAME
    broker map USERNAME --organization GUID --tenant SLUG

What is secret goes to the standard output, once and alone; what is said goes to the standard error.
Exit codes: 0 done, 2 refused, with one line that says why.
"""

from __future__ import annotations

from argparse import ArgumentParser
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from controlplane.kernel.clock import rfc3339
from controlplane.kernel.errors import Refused
from controlplane.osb.credentials import (
    issue_credential,
    map_organization,
    revoke_credential,
    rotate_credential,
)
from controlplane.osb.models import BrokerCredential
from controlplane.tenants.founding import operator
from controlplane.tenants.models import Tenant


class Command(BaseCommand):
    """The broker's command."""

    help = "Make, list, rotate and revoke credentials of the service broker; map organisations to tenants."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Two nouns; of credentials four verbs."""
        nouns = parser.add_subparsers(dest="noun", required=True)
        verbs = nouns.add_parser("credentials", help="with what platforms sign in").add_subparsers(
            dest="verb", required=True
        )
        create = verbs.add_parser("create", help="make one; its secret is printed")
        create.add_argument("--name", required=True, help="which platform it is for")
        home = create.add_mutually_exclusive_group(required=True)
        home.add_argument("--tenant", help="slug of the tenant whose platform it is")
        home.add_argument("--platform", action="store_true", help="of many tenants: map its organisations")
        verbs.add_parser("list", help="show all that are not revoked")
        rotate = verbs.add_parser("rotate", help="give one a new secret, which is printed")
        rotate.add_argument("username")
        rotate.add_argument("--overlap-hours", type=int, default=24, help="how long the old one lives on")
        verbs.add_parser("revoke", help="end one at once").add_argument("username")
        mapped = nouns.add_parser("map", help="say which tenant an organisation of a platform is")
        mapped.add_argument("username")
        mapped.add_argument(
            "--organization", required=True, help="its guid; of Kubernetes: cluster id/namespace"
        )
        mapped.add_argument("--tenant", required=True, help="slug")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the verb."""
        act = getattr(self, f"_{options.get('verb') or options['noun']}")
        try:
            secret, said = act(options)
        except Refused as refusal:
            raise CommandError(refusal.detail, returncode=2) from refusal
        self.stderr.write(said, self.style.SUCCESS)
        if secret:
            self.stdout.write(secret)

    def _create(self, options: dict[str, Any]) -> tuple[str, str]:
        tenant = _tenant(options["tenant"]) if options["tenant"] else None
        row, secret = issue_credential(actor=operator(), tenant=tenant, name=options["name"])
        return secret, f"The platform signs in as {row.username} with this secret:"

    def _list(self, options: dict[str, Any]) -> tuple[str, str]:
        rows = BrokerCredential.objects.filter(revoked_at=None).select_related("tenant").order_by("pk")
        for row in rows:
            home = row.tenant.slug if row.tenant else "every mapped tenant"
            used = rfc3339(row.last_used_at) or "never"
            self.stdout.write(f"{row.username}\t{home}\t{row.name}\tlast used {used}")
        return "", f"{len(rows)} credentials."

    def _rotate(self, options: dict[str, Any]) -> tuple[str, str]:
        row = _credential(options["username"])
        _, secret = rotate_credential(
            actor=operator(),
            tenant=row.tenant,
            credential_id=row.pk,
            overlap=timedelta(hours=options["overlap_hours"]),
        )
        hours = options["overlap_hours"]
        return secret, f"{row.username} has this new secret; the old one lives {hours} hours on."

    def _revoke(self, options: dict[str, Any]) -> tuple[str, str]:
        row = _credential(options["username"])
        revoke_credential(actor=operator(), tenant=row.tenant, credential_id=row.pk)
        return "", f"{row.username} is revoked."

    def _map(self, options: dict[str, Any]) -> tuple[str, str]:
        row = map_organization(
            actor=operator(),
            username=options["username"],
            organization=options["organization"],
            tenant=_tenant(options["tenant"]),
        )
        return "", f"Organisation {row.organization} is tenant {options['tenant']}."


def _tenant(slug: str) -> Tenant:
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise Refused("tenant_not_found", f"There is no tenant “{slug}”.", status=404)
    return found


def _credential(username: str) -> BrokerCredential:
    row = BrokerCredential.objects.filter(username=username, revoked_at=None).select_related("tenant").first()
    if row is None:
        raise Refused("credential_not_found", f"There is no credential of “{username}”.", status=404)
    return row
