"""Roll the workers to the release's Kubernetes version and machine image, once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from provisioner.steps.base import Done, Outcome, Step, StepContext, reach, wait_for

ROLLING = "The landscape is rolling the workers"


def run(ctx: StepContext) -> Outcome:
    """Done when every pool has the version of the control plane and the release's image, and the nodes are healthy."""
    wish = _wish(ctx)
    if any(getattr(ctx.cluster, name) != value for name, value in wish.items()):
        return wait_for(ctx.amended(**wish).order(), ROLLING)
    return reach(ctx, ROLLING) or Done(f"The workers have Kubernetes {ctx.cluster.workers_at}")


def _wish(ctx: StepContext) -> dict[str, Any]:
    image = ctx.input["hops"][-1]["machine_image"]
    return {
        "workers_version": ctx.cluster.kubernetes_version,
        "machine_image": {name: image[name] for name in ("name", "version")},
    }


step = Step(
    name="upgrade_workers",
    title="Roll the workers",
    run=run,
    deadline=timedelta(hours=6),
    max_attempts=30,
    weight=6,
    follows_landscape=True,
    skip_refusal="Skipped, the runtime would pass for upgraded with the workers of before. Mend what the landscape says: "
    "this step ends by itself once every pool has the release's version and image and is healthy.",
)
