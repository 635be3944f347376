"""What keeps runtimes from a release: blocking findings that count at its Kubernetes and that nobody answers for."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from uuid import UUID

from django.db.models import QuerySet
from django.utils.text import Truncator

from controlplane.catalog.hops import numbers
from controlplane.catalog.plans import ReleaseFacts
from provisioner.findings.models import Finding
from provisioner.findings.reading import not_waived
from provisioner.findings.rules.base import Severity
from provisioner.lifecycle.ports import Blocker

CODE = "finding"


def blockers(runtimes: Sequence[UUID], release: ReleaseFacts) -> Mapping[UUID, Sequence[Blocker]]:
    """Return one for each finding that blocks, with its remedy."""
    return blockers_at(runtimes, release.kubernetes_version)


def blockers_at(runtimes: Sequence[UUID], kubernetes: str) -> Mapping[UUID, Sequence[Blocker]]:
    """Return the same by the Kubernetes that they are brought to; one statement for all (rides on finding_blocking)."""
    blocking = Finding.objects.filter(runtime__in=list(runtimes), severity=Severity.BLOCKING)
    rows: QuerySet[Finding] = not_waived(blocking).order_by("runtime", "rule", "namespace", "name")
    target = numbers(kubernetes)
    found: dict[UUID, list[Blocker]] = defaultdict(list)
    for row in rows:
        if not row.from_version or target >= numbers(row.from_version):
            sentence = f"{Truncator(row.sentence).chars(300)} {row.remedy}"
            found[row.runtime_id].append(Blocker(CODE, sentence, row.audience))
    return found
