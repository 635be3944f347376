"""From one release to a later one: the control plane hop by hop, then the workers, then what runs on them.

Once the workers are rolled, nothing fails half-way: what is wrong becomes the verdict of the checks, the modules of before come
back, and the last step says why it was halted.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from controlplane.kernel.errors import Fatal
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
from provisioner.steps.base import Done, Outcome, Step, StepContext


def halting(step: Step) -> Step:
    """Return the step with its lasting faults as a bad verdict, which the steps behind act on; one behind a bad verdict rests."""
    return replace(step, run=_halting(step.run))


def _halting(run: Callable[[StepContext], Outcome]) -> Callable[[StepContext], Outcome]:
    def judged(ctx: StepContext) -> Outcome:
        if ctx.kept.get(verify_upgrade.VERDICT):
            return Done("Halted before")
        try:
            return run(ctx)
        except Fatal as fault:
            said = {"reasons": [str(fault)], "code": fault.code, "audience": fault.audience.value}
            ctx.noting(**{verify_upgrade.VERDICT: {"ok": False, **said}})
            return Done("Halted")

    return judged


flow = Flow(
    steps=(
        preflight_upgrade.step,
        snapshot_owned.step,
        upgrade_control_plane.step,
        upgrade_workers.step,
        verify_access.step,
        switch_modules.step,
        halting(remove_modules.step),
        halting(install_modules.step),
        grant_access.step,
        verify_upgrade.step,
        roll_back_modules.step,
        conclude_upgrade.step,
    ),
    deadline=timedelta(hours=18),
)
