"""Looks into clusters whose turn it is, within each landscape's budget.

O(due): a runtime is looked at once in a round (FINDINGS_SECONDS), and where nothing is found, ever less often: a fourth as often.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from uuid import UUID

import structlog

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Retry
from provisioner.drivers.kube.client import TIMED_OUT
from provisioner.findings import writing
from provisioner.findings.looking import Found, judge, look
from provisioner.findings.rules.base import Finding, Look, Rule
from provisioner.findings.rules.registry import all_rules, blocking_rules
from provisioner.lifecycle.rounds import Rounds
from provisioner.modules.models import RuntimeModule
from provisioner.modules.rendering import in_apply_order, render
from provisioner.operations.time_limit import OutOfTime, at_most
from provisioner.runtimes.inside import ClusterApi, ObjectRef
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase
from provisioner.runtimes.spec import cluster_from_json

MOST_NEW = 500
log = structlog.get_logger(__name__)


class TooSlow(Exception):  # noqa: N818 - named by its fate
    """A look that did not come to its end in the time that it was given."""


def tick() -> int:
    """Look at what is due; return how many runtimes were."""
    return Rounds("findings", writing, _look, _write, of_fulfilled=False).tick()


def enrol(*, everyone: bool = False) -> int:
    """Begin to look at runtimes that became ready lately, or at everyone who is; return how many are new."""
    found = some = writing.enrol(MOST_NEW, everyone=everyone)
    while everyone and some == MOST_NEW:
        found += (some := writing.enrol(MOST_NEW, everyone=True))
    return found


def look_into(
    api: ClusterApi,
    runtime: Runtime,
    rules: Mapping[str, Rule] | None = None,
    *,
    seconds: float | None = None,
) -> Look:
    """Look at a runtime through its own API, for all rules or for some.

    Raises `Retry` or `Fatal` as drivers do, and `TooSlow` once the API has taken more than these seconds, or longer over one list
    than its driver waits.
    """
    cluster = cluster_from_json(runtime.cluster_spec)
    inventories = RuntimeModule.objects.filter(runtime=runtime).values_list("inventory", flat=True)
    kept = [ObjectRef(*entry) for inventory in inventories for entry in inventory]
    wanted = in_apply_order(render(cluster))
    try:
        # Nothing else than the cluster is asked in here: no statement is broken off half-way.
        with nullcontext() if seconds is None else at_most(seconds):
            return look(
                api,
                at=utcnow(),
                kubernetes_version=cluster.kubernetes_version,
                wanted=wanted,
                kept=kept,
                rules=rules,
            )
    except OutOfTime:
        raise TooSlow from None
    except Retry as fault:
        if seconds is None or fault.code != TIMED_OUT:
            raise
        raise TooSlow from fault


def judged(runtime_id: UUID, seen: Look, rules: Mapping[str, Rule] | None = None) -> Found:
    """Return what the rules find, without those that break over an object: what these found before stays."""
    findings: dict[str, tuple[Finding, ...]] = {}
    partial: set[str] = set()
    for key, rule in (all_rules() if rules is None else rules).items():
        try:
            found = judge(seen, {key: rule})
        except Exception:
            log.exception("findings.rule_broke", runtime=str(runtime_id), rule=key)
            continue
        findings |= found.findings
        partial |= found.partial
    return Found(findings, frozenset(partial))


def _look(api: ClusterApi, runtime: Runtime) -> Look:
    return look_into(api, runtime, _rules_for(runtime))


def _write(runtime: Runtime, seen: Look) -> None:
    writing.write(runtime.pk, judged(runtime.pk, seen, _rules_for(runtime)), began_at=seen.at)


def _rules_for(runtime: Runtime) -> Mapping[str, Rule] | None:
    """Return None for all; or of a runtime that failed or whose newest wish is not fulfilled those that keep upgrades back.

    Whoever mended what kept an upgrade back is believed; what else of the platform's is to be there by now nobody can say.
    """
    whole = runtime.phase == Phase.READY and runtime.observed_generation == runtime.generation
    return None if whole else blocking_rules()
