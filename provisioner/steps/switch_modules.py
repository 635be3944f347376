"""Wish the modules as the release that an upgrade leads to has them; the steps behind install and await them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from provisioner.modules.versions import wishes_of_release
from provisioner.steps.base import Done, Outcome, Step, StepContext

BEFORE = "before"  # in the operation's notes: what is to be brought back; here only where a person skipped the look
SWITCHED = "modules_switched"  # likewise: there may be something to bring back
# What a try before this one left, where a person skipped the look, which forgets it: of these modules nothing is known yet.
UNKNOWN: Mapping[str, Any] = {"verdict": None, "modules_brought_back": None, "modules_left": None}


def run(ctx: StepContext) -> Outcome:
    """Done once the row wants them; asked again, what was there before the first time stays noted."""
    present = ctx.cluster.modules
    wanted = wishes_of_release(present, ctx.input["hops"][-1]["modules"])
    skipped = {} if BEFORE in ctx.kept else {BEFORE: {"modules": [asdict(wish) for wish in present]}}
    ctx = ctx.noting(**{SWITCHED: True, **UNKNOWN, **skipped})
    if wanted == present:
        return Done("The modules stay as they are")
    ctx.amended(modules=[asdict(wish) for wish in wanted])
    changed = [wish.key for wish in wanted if wish not in present]
    return Done(f"{len(changed)} modules change")


step = Step(
    name="switch_modules",
    title="Choose the release's modules",
    run=run,
    deadline=timedelta(minutes=15),
    calls_landscape=False,
    skip_refusal="Skipped, the runtime would pass for upgraded with the modules of before, for only this step chooses the "
    "release's.",
)
