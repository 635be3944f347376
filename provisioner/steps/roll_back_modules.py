"""Bring back the modules of before when an upgrade was halted; Kubernetes itself never goes back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from controlplane.kernel.clock import utcnow
from provisioner.modules.installing import install, look, settle
from provisioner.modules.rendering import render
from provisioner.runtimes.spec import ModuleWish
from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait

BROUGHT = "modules_brought_back"  # in the operation's notes
PATIENCE = timedelta(minutes=15)
LOOK_AGAIN = timedelta(seconds=10)


def run(ctx: StepContext) -> Outcome:
    """Done when they are well again, or after a while: whether they are, is in the report either way."""
    if (ctx.kept.get("verdict") or {}).get("ok"):
        return Done("Nothing to bring back")
    was = {one["key"]: ModuleWish(**one) for one in ctx.kept["before"]["modules"]}
    wanted = tuple(was.get(wish.key, wish) for wish in ctx.cluster.modules)
    if wanted != ctx.cluster.modules:
        ctx = ctx.amended(modules=[asdict(wish) for wish in wanted])
    rendered = render(ctx.cluster)
    with ctx.inside() as api:
        if not ctx.kept.get(BROUGHT):
            install(api, rendered, ctx.memory)
            ctx.noting(**{BROUGHT: True})
        sights = look(api, rendered)
        settle(api, rendered, sights, ctx.memory)
    unwell = [sight for sight in sights if sight.complaints]
    if unwell and utcnow() - ctx.step_started_at < PATIENCE:
        return Wait(
            f"Module {unwell[0].key} of before is not ready yet: {unwell[0].message}", delay=LOOK_AGAIN
        )
    return Done("The modules of before are back" + (", and not all of them well" if unwell else ""))


step = Step(
    name="roll_back_modules",
    title="Bring the modules back",
    run=run,
    deadline=timedelta(minutes=45),
    max_attempts=30,
)
