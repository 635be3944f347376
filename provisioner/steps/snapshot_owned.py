"""Note how everything stands before an upgrade: what to compare with afterwards, and what to bring back."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta

from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.drivers.base import Role
from provisioner.runtimes.workloads import look_at
from provisioner.steps.base import Done, Outcome, Step, StepContext

BEFORE, VERDICT = "before", "verdict"  # in the operation's notes


def run(ctx: StepContext) -> Outcome:
    """Done once it is noted; of a retry, the first sight stays the one that counts, and an earlier verdict does not."""
    if BEFORE in ctx.kept:
        ctx.noting(**{VERDICT: None, "modules_brought_back": False})
        return Done("The first sight stays")
    with ctx.driver.inside(ctx.ref, role=Role.VIEW) as api:
        seen = look_at(api)
    cluster, release = ctx.cluster, ctx.input["before"]
    # An upgrade that failed before this one may have raised what it could: the release tells what was there at first.
    raised = cluster.kubernetes_version in {hop["kubernetes"] for hop in ctx.input["hops"]}
    before = {
        **seen,
        "at": rfc3339(utcnow()),
        "release": release["key"],
        "kubernetes": (raised and release.get("kubernetes")) or cluster.kubernetes_version,
        "machine_image": dict((raised and release.get("machine_image")) or cluster.machine_image),
        "modules": [asdict(wish) for wish in cluster.modules],
    }
    ctx.noting(**{BEFORE: before, VERDICT: None})
    return Done(f"{seen['workloads']} workloads, {len(seen['unwell'])} of them unwell")


step = Step(
    name="snapshot_owned",
    title="Note what is there",
    run=run,
    deadline=timedelta(minutes=15),
    max_attempts=10,
    harmless=True,
)
