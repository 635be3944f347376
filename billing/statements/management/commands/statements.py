"""`manage.py statements draft|seal|verify|list`: what the beat does, by hand; and whether sealed statements are as they were.

Exit codes: 0 fine, 1 a sealed statement is not as it was sealed, 2 the arguments are wrong, 3 refused.
"""

from __future__ import annotations

import getpass
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import replace
from datetime import date
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.statements.drafting import draft, draft_month
from billing.statements.models import State, Statement
from billing.statements.sealing import seal_statement
from billing.statements.verifying import check_statement
from controlplane.kernel.dates import read_month
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import Tenant


class Command(BaseCommand):
    """The statements' command."""

    help = "Draft, seal, verify or list statements."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Four verbs, each for a month and a tenant, or for all of them."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        for verb, told in (
            ("draft", "draft a month anew where something changed"),
            ("seal", "seal the drafts of a month that is over"),
            ("verify", "rate sealed statements again and compare byte by byte"),
            ("list", "print statements"),
        ):
            of = verbs.add_parser(verb, help=told)
            of.add_argument("--month", required=verb in {"draft", "seal"}, help="such as 2026-10")
            of.add_argument("--tenant", default="", help="slug; every tenant, without")

    def handle(self, *_: Any, **options: Any) -> None:
        """Run the verb."""
        month = _month(options["month"])
        tenant = _tenant(options["tenant"])
        rows = Statement.objects.select_related("tenant").order_by("tenant__slug", "month")
        rows = rows.filter(tenant=tenant) if tenant else rows
        rows = rows.filter(month=month) if month else rows
        try:
            if options["verb"] == "draft" and month:
                changed = len(draft([tenant.id], month)) if tenant else draft_month(month)
                self.stdout.write(f"{changed} draft(s) made anew.")
            elif options["verb"] == "seal":
                self._seal(rows.filter(state=State.DRAFT))
            elif options["verb"] == "verify":
                self._verify(rows.filter(state=State.SEALED))
            else:
                for row in rows:
                    number = f"no. {row.number}" if row.number else "draft"
                    self.stdout.write(
                        f"{row.tenant.slug} {row.month:%Y-%m} {number}: {row.total} {row.currency}"
                    )
        except Refused as refused:
            raise CommandError(refused.detail, returncode=3) from refused

    def _seal(self, rows: Iterable[Statement]) -> None:
        sealed, refusals = 0, []
        actor = replace(SYSTEM, name=f"operator:{_user()}")
        for row in rows:
            try:
                seal_statement(actor=actor, statement_id=row.pk)
                sealed += 1
            except Refused as refused:
                refusals.append(f"{row.tenant.slug}: {refused.detail}")
        self.stdout.write(f"{sealed} statement(s) sealed.")
        if refusals:
            raise CommandError("\n".join(refusals), returncode=3)

    def _verify(self, rows: Iterable[Statement]) -> None:
        checked, faults = 0, []
        for row in rows:
            checked += 1
            faults += [f"{row.tenant.slug} {row.month:%Y-%m}: {fault}" for fault in check_statement(row)]
        if faults:
            raise CommandError("\n".join(faults), returncode=1)
        self.stdout.write(f"{checked} statement(s) are as they were sealed.")


def _month(text: str | None) -> date | None:
    if not text:
        return None
    found = read_month(text)
    if found is None:
        raise CommandError(f"{text} is no month; write it as 2026-10.", returncode=2)
    return found


def _tenant(slug: str) -> Tenant | None:
    if not slug:
        return None
    found = Tenant.objects.filter(slug=slug).first()
    if found is None:
        raise CommandError(f"There is no tenant {slug}.", returncode=2)
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in the password file
        return "unknown"
