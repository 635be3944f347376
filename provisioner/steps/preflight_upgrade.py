"""Look whether an upgrade may begin: nothing is changed here, so a refusal leaves the runtime as it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from controlplane.kernel.errors import Audience, Fatal
from provisioner.drivers.base import CLUSTER_MISSING, Situation
from provisioner.modules.installing import refuse_strangers, strange
from provisioner.modules.rendering import render_after
from provisioner.modules.versions import wishes_of_release
from provisioner.steps.base import LOOK_AGAIN, Done, Outcome, Step, StepContext, Wait, refuse_lasting_faults

MOST_TOLD = 3


@dataclass(frozen=True)
class Hindrance:
    """What in the cluster an upgrade would stop at: a sentence with the remedy, and who can act."""

    detail: str
    audience: Audience


# Rooms above look into the cluster for what would stop an upgrade to this Kubernetes; they fill this at start-up.
asked: list[Callable[[StepContext, str], Sequence[Hindrance]]] = []


def run(ctx: StepContext) -> Outcome:
    """Done when the cluster is there, is healthy, and its own API answers with nodes; waits a while for what may pass.

    Where the landscape has given up, be it half-way through an upgrade before, it is told to try again: whoever asks anew has
    mended the cause, and is told of one that nobody was told of yet. Raises Fatal for a module of the release that can't be
    rendered here, (module_object_there) for what one would take from somebody, and (upgrade_blocked) for what is in the
    cluster now that would stop it half-way.
    """
    observed = ctx.driver.observe(ctx.ref)
    if observed.situation is Situation.ABSENT:
        raise Fatal("The landscape has no cluster of this runtime; restore it first.", code=CLUSTER_MISSING)
    if observed.situation is Situation.FAILED:
        observed = ctx.order()
    refuse_lasting_faults(observed)
    if observed.situation is not Situation.READY:
        troubled = ", ".join(one.type for one in observed.conditions if one.status != "True")
        what = (
            f"these conditions don't hold: {troubled}" if troubled else "the landscape is still at work on it"
        )
        return Wait(f"Not upgraded while {what}", delay=LOOK_AGAIN, progress=observed.progress)
    nodes = ctx.driver.probe(ctx.ref)
    if nodes == 0:
        return Wait("Not upgraded while no node is ready", delay=LOOK_AGAIN)
    _refuse_hindered(ctx)
    _ask_for_strangers(ctx)
    return Done(f"{nodes} nodes are ready")


def _refuse_hindered(ctx: StepContext) -> None:
    kubernetes = ctx.input["hops"][-1]["kubernetes"]
    found = [one for ask in asked for one in ask(ctx, kubernetes)]
    if found:
        told = " ".join(one.detail for one in found[:MOST_TOLD])
        raise Fatal(told, code="upgrade_blocked", audience=found[0].audience)


def _ask_for_strangers(ctx: StepContext) -> None:
    """Before the control plane and the workers are rolled: the installation behind them would only be told the same."""
    last = ctx.input["hops"][-1]
    wishes = wishes_of_release(ctx.cluster.modules, last["modules"])
    cluster = replace(ctx.cluster, modules=wishes, kubernetes_version=last["kubernetes"])
    if asked := strange(render_after(cluster, ctx.cluster), ctx.memory.recall()):
        with ctx.inside() as api:
            refuse_strangers(api, asked)


step = Step(
    name="preflight_upgrade",
    title="Check before the upgrade",
    run=run,
    deadline=timedelta(minutes=20),
    max_attempts=10,
    harmless=True,
)
