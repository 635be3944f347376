"""`manage.py audit verify|seal|heads|export|rebase`: prove the audit trail, and take it elsewhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from controlplane.kernel.clock import utcnow
from controlplane.kernel.dates import read_moment
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.audit.exporting import json_lines
from controlplane.tenants.audit.noting import write_lines
from controlplane.tenants.audit.reading import Search, bounded, stream
from controlplane.tenants.audit.sealing import Head, heads, rebase_clock, seal_new_rows
from controlplane.tenants.audit.verifying import Report, compare_heads, every_chain, verify
from controlplane.tenants.models import Tenant

SHOWN_FINDINGS = 100


class Command(BaseCommand):
    """Ends with status 1 when the trail is not as it was sealed."""

    help = "verify: find changed, removed and inserted rows; heads, export: take it elsewhere; seal, rebase: mend"

    def add_arguments(self, parser: CommandParser) -> None:
        """Declare the five verbs."""
        verbs = parser.add_subparsers(dest="verb", required=True)
        check = verbs.add_parser("verify", help="compare every row with the chain of seals")
        check.add_argument("--tenant", default="", help="only this tenant's chain, by slug")
        check.add_argument("--heads", default="", help="a file of heads that were noted earlier")
        verbs.add_parser("seal", help="seal now what the next beat would")
        verbs.add_parser("heads", help="print the end of every chain, to be kept elsewhere")
        export = verbs.add_parser("export", help="write rows as JSON Lines")
        export.add_argument("--to", required=True, help="a folder, or s3://bucket/prefix")
        for name in ("since", "until"):
            export.add_argument(f"--{name}", default="", help="as 2026-01-31T00:00:00Z")
        export.add_argument("--tenant", default="", help="only this tenant's, by slug")
        verbs.add_parser("rebase", help="after a dump was restored into another server")

    def handle(self, *args: Any, **options: Any) -> None:
        """Do what the verb says."""
        try:
            getattr(self, f"_{options['verb']}")(options)
        except Refused as refusal:
            raise CommandError(refusal.detail) from refusal

    def _verify(self, options: dict[str, Any]) -> None:
        chains = every_chain()
        if options["tenant"]:
            chains = [_tenant(options["tenant"]).id]
        report, wrong = Report(), 0
        found = [verify(chains=chains, report=report)]
        if options["heads"]:
            found.append(compare_heads(_kept(options["heads"])))
        for finding in (one for several in found for one in several):
            wrong += 1
            if wrong <= SHOWN_FINDINGS:
                self.stdout.write(f"{finding.what}: chain {finding.chain}: {finding.sentence}")
        if wrong:
            raise CommandError(f"{wrong} findings in {report.rows} sealed rows of {report.chains} chains.")
        self.stdout.write(f"{report.rows} sealed rows of {report.chains} chains are as they were written.")

    def _seal(self, options: dict[str, Any]) -> None:
        self.stdout.write(f"{len(seal_new_rows())} chains have new rows.")

    def _heads(self, options: dict[str, Any]) -> None:
        for head in heads():
            self.stdout.write(json.dumps(asdict(head)))

    def _export(self, options: dict[str, Any]) -> None:
        since, until = (_moment(options[name], name) for name in ("since", "until"))
        slug = _tenant(options["tenant"]).slug if options["tenant"] else ""
        search = bounded(Search(since=since, until=until, tenant=slug))
        lines = json_lines(stream(SYSTEM, search))
        name = f"audit-{slug or 'all'}-{search.since:%Y%m%dT%H%M%SZ}-{search.until:%Y%m%dT%H%M%SZ}.jsonl"
        self.stdout.write(
            f"{write_lines(lines, to=options['to'], name=name)} written at {utcnow():%H:%M:%S} UTC."
        )

    def _rebase(self, options: dict[str, Any]) -> None:
        added = rebase_clock()
        self.stdout.write(
            f"Transaction numbers go on behind the trail's (+{added})." if added else "Nothing to mend."
        )


def _tenant(slug: str) -> Tenant:
    tenant = Tenant.objects.filter(slug=slug).first()
    if tenant is None:
        raise CommandError(f"There is no tenant “{slug}”.")
    return tenant


def _kept(path: str) -> list[Head]:
    try:
        lines = Path(path).read_text().splitlines()
        return [Head(**json.loads(line)) for line in lines if line]
    except (OSError, ValueError, TypeError) as error:
        raise CommandError(f"{path} holds no heads ({type(error).__name__}).") from error


def _moment(text: str, name: str) -> Any:
    if not text:
        return None
    moment = read_moment(text)
    if moment is None:
        raise CommandError(f"--{name} must look like 2026-01-31T00:00:00Z.")
    return moment
