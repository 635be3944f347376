"""Refuses gates that can't be met as things stand: by nobody who is upgraded or told then, or by fewer people than they ask."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from controlplane.kernel.errors import Refused
from controlplane.tenants.access import PLATFORM_ALLOWED, Permission
from controlplane.tenants.models import User
from provisioner.rollouts.plan import GatePlan, StagePlan


def refuse_unmeetable(stages: Sequence[StagePlan]) -> None:
    """Raise Refused gate_never_met with where the gate stands, why, and what to do."""
    for where, gate in _gates(stages):
        if gate.kind == "footprint" and where.startswith("stages.0.before"):
            detail = (
                "A footprint gate before the first stage waits for ever: it measures upgraded runtimes, and none is upgraded "
                f"before it ({where}). Put it behind the first stage, or before a later one."
            )
            raise Refused("gate_never_met", detail, field=where)
        if gate.kind == "notice" and not where.startswith("stages.0.before"):
            detail = (
                f"A notice gate tells nobody there ({where}): tenants are told once, when the rollout starts. Put it before the "
                "first stage, or write `notice_hours`; for time between stages take a soak."
            )
            raise Refused("gate_never_met", detail, field=where)
    asked = max(((gate.settings["approvers"], where) for where, gate in _approvals(stages)), default=(1, ""))
    # Where one is asked, a token that is nobody's will do.
    if asked[0] > 1 and (there := people_who_approve()) < asked[0]:
        detail = (
            f"{asked[1]} asks {asked[0]} people, and only {there} may approve. Write at most {max(there, 1)}, or give the role "
            "of an SRE to more people."
        )
        raise Refused("gate_never_met", detail, field=f"{asked[1]}.approvers")


def people_who_approve() -> int:
    """Return how many people may approve gates: tokens are not people."""
    roles = [role.value for role, allowed in PLATFORM_ALLOWED.items() if Permission.ROLLOUT_MANAGE in allowed]
    return User.objects.filter(is_active=True, platform_role__in=roles).count()


def _approvals(stages: Sequence[StagePlan]) -> Iterator[tuple[str, GatePlan]]:
    return ((where, gate) for where, gate in _gates(stages) if gate.kind == "approval")


def _gates(stages: Sequence[StagePlan]) -> Iterator[tuple[str, GatePlan]]:
    for number, stage in enumerate(stages):
        for side, gates in (("before", stage.before), ("after", stage.after)):
            for count, gate in enumerate(gates):
                yield f"stages.{number}.{side}.{count}", gate
