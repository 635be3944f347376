"""Raise the control plane one Kubernetes minor at a time; workers stay, and follow on the way only where they must."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from controlplane.catalog.hops import Move, plan_moves
from provisioner.runtimes.spec import ClusterSpec
from provisioner.steps.base import Done, Outcome, Step, StepContext, reach, wait_for

RAISING = "The landscape is upgrading the control plane"


def run(ctx: StepContext) -> Outcome:
    """Done when the control plane has the last hop's version and is healthy; no hop begins before the last one ended."""
    if (unfinished := reach(ctx, RAISING)) is not None:
        return unfinished
    move = next_move(ctx)
    if move is None:
        return Done(f"The control plane has Kubernetes {ctx.cluster.kubernetes_version}")
    ctx = ctx.amended(**wish_of(move, ctx.cluster))
    part = "workers" if move.workers else "control plane"
    return wait_for(ctx.order(), f"The landscape is bringing the {part} to Kubernetes {move.kubernetes}")


def next_move(ctx: StepContext) -> Move | None:
    """Return what is to be asked of the landscape next; the workers' last move is the next step's."""
    hops = [hop["kubernetes"] for hop in ctx.input["hops"]]
    moves = plan_moves(ctx.cluster.kubernetes_version, ctx.cluster.workers_at, hops)
    return moves[0] if any(not move.workers for move in moves) else None


def wish_of(move: Move, cluster: ClusterSpec) -> dict[str, Any]:
    """Return the fields of the wanted cluster that say the move."""
    if move.workers:
        return {"workers_version": move.kubernetes}
    return {"kubernetes_version": move.kubernetes, "workers_version": cluster.workers_at}


step = Step(
    name="upgrade_control_plane",
    title="Upgrade the control plane",
    run=run,
    deadline=timedelta(hours=6),
    max_attempts=30,
    weight=6,
    follows_landscape=True,
    # Behind it the runtime is soon counted as running the release, and nobody would ask the landscape for its versions any more.
    skip_refusal="Skipped, the runtime would pass for upgraded with the control plane of before. Mend what the landscape says: "
    "this step ends by itself once the control plane has the release's version and is healthy.",
)
