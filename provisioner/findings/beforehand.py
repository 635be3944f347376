"""The last look before an upgrade: what blocks it in the cluster now, whatever was found there hours ago."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import structlog
from django.db import Error

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.findings import visiting, writing
from provisioner.findings.models import Check
from provisioner.findings.preflight import blockers_at
from provisioner.findings.rules.base import Look, Rule
from provisioner.findings.rules.registry import blocking_rules
from provisioner.operations.time_limit import time_left
from provisioner.runtimes.models import Runtime
from provisioner.steps.base import StepContext
from provisioner.steps.preflight_upgrade import Hindrance

log = structlog.get_logger(__name__)

FRESH = timedelta(minutes=3)
LONGEST_SECONDS = 15.0  # that the cluster may take to answer; at most half of what is left of the step's time
SHORT_SECONDS = 5.0  # once it took longer: the step has more to ask of it
TRIES = 2  # of a cluster that takes longer: then what was found before must do
SLOW = "slow_looks"  # in the operation's notes: how many, and of which try of the step


def hindrances(ctx: StepContext, kubernetes: str) -> Sequence[Hindrance]:
    """Return what blocks an upgrade to this Kubernetes, looked up unless that was done a moment ago.

    Raises `Retry` where the cluster does not answer. No transaction is open while it is asked. What blocks is looked at again
    soon, so that the runtime is not held by what was mended.
    """
    if not Check.objects.filter(pk=ctx.runtime_id, looked_at__gt=utcnow() - FRESH).exists():
        rules = blocking_rules()
        if (seen := _seen(ctx, rules)) is not None:
            writing.write_some(ctx.runtime_id, visiting.judged(ctx.runtime_id, seen, rules))
    found = blockers_at([ctx.runtime_id], kubernetes).get(ctx.runtime_id, ())
    if found:
        writing.come_soon(ctx.runtime_id)
    return [Hindrance(one.detail, Audience(one.audience)) for one in found]


def _seen(ctx: StepContext, rules: Mapping[str, Rule]) -> Look | None:
    """Return what is in the cluster, or None where the stored findings must do: it is always slow, or the look broke.

    A slow cluster is its tenant's trouble and no fault of its landscape; a tenant's odd object is no reason to fail an upgrade.
    """
    runtime: Runtime = Runtime.objects.get(pk=ctx.runtime_id)
    slow = _slow_looks(ctx)
    bound = LONGEST_SECONDS if slow < TRIES else SHORT_SECONDS
    try:
        with ctx.inside() as api:
            return visiting.look_into(api, runtime, rules, seconds=min(bound, time_left() / 2))
    except visiting.TooSlow:
        ctx.noting(**{SLOW: [rfc3339(ctx.step_started_at), slow + 1]})
        if slow + 1 < TRIES:
            message = "The cluster answers too slowly to be looked at before the upgrade."
            raise Retry(message, code="cluster_slow") from None
        log.warning("upgrade.look_too_slow", runtime=str(ctx.runtime_id))
    except (Retry, Fatal, Error, OSError):
        raise
    except Exception:
        log.exception("upgrade.look_broke", runtime=str(ctx.runtime_id))
    return None


def _slow_looks(ctx: StepContext) -> int:
    """Return how many looks took too long since the step began; what else made it try again says nothing of the cluster."""
    since, looks = ctx.kept.get(SLOW) or ("", 0)
    return int(looks) if since == rfc3339(ctx.step_started_at) else 0
