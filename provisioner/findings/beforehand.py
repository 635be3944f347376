"""The last look before an upgrade: what blocks it in the cluster now, whatever was found there hours ago."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Audience
from provisioner.findings import visiting, writing
from provisioner.findings.looking import judge
from provisioner.findings.models import Check
from provisioner.findings.preflight import blockers_at
from provisioner.findings.rules.registry import blocking_rules
from provisioner.runtimes.models import Runtime
from provisioner.steps.base import StepContext
from provisioner.steps.preflight_upgrade import Hindrance

FRESH = timedelta(minutes=3)


def hindrances(ctx: StepContext, kubernetes: str) -> Sequence[Hindrance]:
    """Return what blocks an upgrade to this Kubernetes, looked up unless that was done a moment ago.

    Raises `Retry` where the cluster does not answer. No transaction is open while it is asked.
    """
    if not Check.objects.filter(pk=ctx.runtime_id, looked_at__gt=utcnow() - FRESH).exists():
        runtime: Runtime = Runtime.objects.get(pk=ctx.runtime_id)
        rules = blocking_rules()
        with ctx.inside() as api:
            seen = visiting.look_into(api, runtime, rules)
        writing.write_some(runtime.pk, judge(seen, rules))
    found = blockers_at([ctx.runtime_id], kubernetes).get(ctx.runtime_id, ())
    return [Hindrance(one.detail, Audience(one.audience)) for one in found]
