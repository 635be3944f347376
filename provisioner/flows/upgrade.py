"""From one release to a later one: the control plane hop by hop, then the workers, then what runs on them.

Once the workers are rolled, nothing fails half-way: what is wrong, or did not come to its end, becomes the verdict of the checks,
the modules of before come back, and the last step says why it was halted. It says so too where even they did not come back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any

from provisioner.flows.base import Flow
from provisioner.steps import (
    conclude_upgrade,
    grant_access,
    install_modules,
    preflight_upgrade,
    remove_modules,
    roll_back_modules,
    snapshot_owned,
    switch_modules,
    upgrade_control_plane,
    upgrade_workers,
    verify_access,
    verify_upgrade,
)
from provisioner.steps.base import Detour, Failure, Step

LASTING = "fatal"
CAUSELESS = frozenset({"", "unforeseen", "step_timeout"})  # codes of a fault that say no cause
LONGEST = 500  # characters of a reason: what became of the modules is to be read behind it


def halting(step: Step) -> Step:
    """Return the step with its failure as a bad verdict, whose modules come back at once.

    It keeps its code and who can mend it, which is the platform for whatever gave up.
    """

    def verdict(failure: Failure) -> Mapping[str, Any]:
        said = {"ok": False, "reasons": [_sentence(step, failure)], "step": step.name}
        why = {"code": _code(step, failure), "audience": failure.audience.value}
        return {verify_upgrade.VERDICT: said | why}

    return replace(step, otherwise=Detour(roll_back_modules.step.name, verdict))


def admitting(step: Step) -> Step:
    """Return the step with its failure as what the conclusion says of the modules of before."""

    def left(failure: Failure) -> Mapping[str, Any]:
        why = {"reason": _sentence(step, failure), "audience": failure.audience.value}
        return {conclude_upgrade.LEFT: why}

    return replace(step, otherwise=Detour(conclude_upgrade.step.name, left))


def _code(step: Step, failure: Failure) -> str:
    # Every halted upgrade ends at its conclusion, so only codes tell causes apart: one that says none names the step.
    told = failure.kind in {LASTING, "retry"} and failure.code not in CAUSELESS
    return failure.code if told else f"{step.name}_gave_up"


def _sentence(step: Step, failure: Failure) -> str:
    said = failure.message if failure.kind in {LASTING, "deadline"} else f"{step.title}: {failure.message}"
    said = said if len(said) <= LONGEST else said[: LONGEST - 1] + "…"
    return said if said.endswith((".", "!", "?", "…")) else said + "."


flow = Flow(
    steps=(
        preflight_upgrade.step,
        snapshot_owned.step,
        upgrade_control_plane.step,
        upgrade_workers.step,
        halting(verify_access.step),
        halting(switch_modules.step),
        halting(remove_modules.step),
        halting(install_modules.step),
        halting(grant_access.step),
        halting(verify_upgrade.step),
        admitting(roll_back_modules.step),
        conclude_upgrade.step,
    ),
    deadline=timedelta(hours=18),
)
