"""What keeps a runtime from a release: blocking findings that count at its Kubernetes and that nobody answers for."""

from __future__ import annotations

from django.db.models import QuerySet
from django.utils.text import Truncator

from controlplane.catalog.hops import numbers
from controlplane.catalog.plans import ReleaseFacts
from provisioner.findings.models import Finding
from provisioner.findings.reading import not_waived
from provisioner.findings.rules.base import Severity
from provisioner.lifecycle.ports import Blocker
from provisioner.runtimes.models import Runtime

CODE = "finding"


def blockers(runtime: Runtime, release: ReleaseFacts) -> list[Blocker]:
    """Return one for each finding that blocks, with its remedy; one statement (rides on finding_blocking)."""
    rows: QuerySet[Finding] = not_waived(Finding.objects.filter(runtime=runtime, severity=Severity.BLOCKING))
    target = numbers(release.kubernetes_version)
    return [
        Blocker(CODE, f"{Truncator(row.sentence).chars(300)} {row.remedy}", row.audience)
        for row in rows.order_by("rule", "namespace", "name")
        if not row.from_version or target >= numbers(row.from_version)
    ]
