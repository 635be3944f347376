"""Judge an upgrade: conditions, the modules' health, and every workload against how it was before."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from controlplane.kernel.clock import utcnow
from provisioner.drivers.base import Situation
from provisioner.modules.installing import look, settle
from provisioner.modules.rendering import render
from provisioner.runtimes.workloads import look_at, worse
from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait

VERDICT = "verdict"  # in the operation's notes: {"ok", "reasons"}; absent or null: none yet
PATIENCE = timedelta(minutes=15)  # pods restart behind a roll-out; what is unwell for longer is unwell
LOOK_AGAIN = timedelta(seconds=10)
MOST = 20  # reasons kept


def run(ctx: StepContext) -> Outcome:
    """Done with a verdict, a bad one only after a while: what follows rolls back and halts, so this step itself does not fail."""
    if ctx.kept.get(VERDICT):
        return Done("Judged already")
    reasons = list(_complaints(ctx))
    if reasons and utcnow() - ctx.step_started_at < PATIENCE:
        return Wait(f"Not well yet: {reasons[0]}", delay=LOOK_AGAIN)
    ctx.noting(**{VERDICT: {"ok": not reasons, "reasons": reasons[:MOST]}})
    return Done(f"Halted: {reasons[0]}" if reasons else "All is as well as before")


def _complaints(ctx: StepContext) -> Iterator[str]:
    observed = ctx.driver.observe(ctx.ref)
    if observed.situation is not Situation.READY:
        troubled = [one.type for one in observed.conditions if one.status != "True"]
        yield f"The cluster is {observed.situation}: {', '.join(troubled) or 'the landscape is at work on it'}."
    rendered = render(ctx.cluster)
    with ctx.inside() as api:
        sights = look(api, rendered)
        lingering = settle(api, rendered, sights, ctx.memory)
        after = look_at(api)
    ctx.noting(after=after)
    yield from (f"Module {sight.key}: {sight.message}." for sight in sights if sight.complaints)
    yield from (f"{ref} of an older version is still being removed." for ref in lingering[:1])
    before = ctx.kept.get("before") or {}
    if "nodes" in before:  # else a person skipped the look, and nothing can be worse than it
        yield from worse(before, after)


step = Step(
    name="verify_upgrade",
    title="Check after the upgrade",
    run=run,
    deadline=timedelta(minutes=45),
    max_attempts=30,
    weight=2,
)
