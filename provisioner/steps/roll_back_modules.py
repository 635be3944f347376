"""Bring back the modules of before when an upgrade was halted; Kubernetes itself never goes back."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.modules.installing import install, look, settle
from provisioner.modules.rendering import Rendered, render
from provisioner.runtimes.workloads import look_at
from provisioner.steps.base import Done, Outcome, Step, StepContext, Wait

BROUGHT = "modules_brought_back"  # in the operation's notes: when
SWITCHED = "modules_switched"  # likewise: there may be something to bring back
SWITCHED_BEFORE = "modules_before"  # what an older version of this program noted in its place
PATIENCE = timedelta(minutes=15)
LOOK_AGAIN = timedelta(seconds=10)


def run(ctx: StepContext) -> Outcome:
    """Done when they are well again, or after a while: whether they are, is in the report either way."""
    if (ctx.kept.get("verdict") or {"ok": True}).get("ok"):
        return Done("Nothing to bring back")
    before = (ctx.kept.get("before") or {}).get("modules", ())
    if not (ctx.kept.get(SWITCHED) or ctx.kept.get(SWITCHED_BEFORE)):
        if not ctx.differs(before):
            return Done("The modules are those of before")
        ctx = ctx.noting(**{SWITCHED: True})  # first: whoever comes again finds the wish as it is to be
    ctx = ctx.recalling(before)
    # What came with the upgrade stays wished, and does not stand in the way of what was there before it.
    rendered = _rendered(ctx, {one["key"] for one in before})
    with ctx.inside() as api:
        if not ctx.kept.get(BROUGHT):
            install(api, rendered, ctx.memory)
            ctx = ctx.noting(**{BROUGHT: rfc3339(utcnow())})
        sights = look(api, rendered)
        settle(api, rendered, sights, ctx.memory)
        after = look_at(api)
    unwell = [sight for sight in sights if sight.complaints]
    if unwell and utcnow() - _brought_at(ctx) < PATIENCE:
        return Wait(
            f"Module {unwell[0].key} of before is not ready yet: {unwell[0].message}", delay=LOOK_AGAIN
        )
    ctx.noting(after=after)  # with them: what the checks saw, if they came to look, was without
    return Done("The modules of before are back" + (", and not all of them well" if unwell else ""))


def _rendered(ctx: StepContext, keys: Collection[str]) -> tuple[Rendered, ...]:
    modules = tuple(wish for wish in ctx.cluster.modules if wish.key in keys)
    return render(replace(ctx.cluster, modules=modules))


def _brought_at(ctx: StepContext) -> datetime:
    """Return since when they are given time: the cluster may have been away for long before."""
    at: Any = ctx.kept.get(BROUGHT)
    return datetime.fromisoformat(at) if isinstance(at, str) else ctx.step_started_at


step = Step(
    name="roll_back_modules",
    title="Bring the modules back",
    run=run,
    # A cluster that does not answer for hours answers again; whatever else the operation's time went to, this has its own.
    deadline=timedelta(hours=16),
    time_left=timedelta(hours=17),
    max_attempts=30,
    patient=True,
)
