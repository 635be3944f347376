"""Note how everything stands before an upgrade: what to compare with afterwards, and what to bring back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.drivers.base import Role
from provisioner.modules.base import Module
from provisioner.modules.registry import all_modules
from provisioner.modules.versions import wishes_of_release
from provisioner.runtimes.spec import ModuleWish
from provisioner.runtimes.workloads import look_at
from provisioner.steps.base import Done, Outcome, Step, StepContext

BEFORE, VERDICT = "before", "verdict"  # in the operation's notes
BROUGHT, LEFT, SWITCHED = "modules_brought_back", "modules_left", "modules_switched"
FRESH: Mapping[str, Any] = {VERDICT: None, BROUGHT: None, LEFT: None, "after": {}}  # of an earlier try


def run(ctx: StepContext) -> Outcome:
    """Done once it is noted; of a retry, the first sight stays the one that counts, and an earlier verdict does not."""
    if BEFORE in ctx.kept:
        back = ctx.kept.get(BROUGHT) and not ctx.kept.get(LEFT)
        ctx.noting(**FRESH, **{SWITCHED: not back and bool(ctx.kept.get(SWITCHED))})
        return Done("The first sight stays")
    with ctx.driver.inside(ctx.ref, role=Role.VIEW) as api:
        seen = look_at(api)
    cluster, release = ctx.cluster, ctx.release or ctx.input["before"]
    # An upgrade before this one that did not end well may have raised what it could, and have wished what it led to: the release
    # that the runtime counts as running tells what was there at first.
    raised = cluster.kubernetes_version in {hop["kubernetes"] for hop in ctx.input["hops"]}
    before = {
        **seen,
        "at": rfc3339(utcnow()),
        "release": release["key"],
        "kubernetes": (raised and release.get("kubernetes")) or cluster.kubernetes_version,
        "machine_image": dict((raised and release.get("machine_image")) or cluster.machine_image),
        "modules": [asdict(wish) for wish in modules_before(cluster.modules, release.get("modules") or {})],
    }
    ctx.noting(**{BEFORE: before, **FRESH})
    return Done(f"{seen['workloads']} workloads, {len(seen['unwell'])} of them unwell")


def modules_before(
    present: Sequence[ModuleWish], release: Mapping[str, str], modules: Mapping[str, Module] | None = None
) -> tuple[ModuleWish, ...]:
    """Return the wishes in the versions of a release, but for those with a channel of their own, which no upgrade moves.

    A mandatory module that the release does not have yet came by an upgrade that did not end: it was not there before.
    """
    known = all_modules() if modules is None else modules
    if not release:  # one older than modules
        return tuple(present)
    came = {key for key, module in known.items() if module.mandatory and key not in release}
    stood = [wish for wish in present if wish.channel or wish.key not in came]
    there = {wish.key for wish in stood}
    moved = wishes_of_release(stood, release, known)
    return tuple(wish for wish in moved if wish.key in there)


step = Step(
    name="snapshot_owned",
    title="Note what is there",
    run=run,
    deadline=timedelta(minutes=15),
    max_attempts=10,
    harmless=True,
)
