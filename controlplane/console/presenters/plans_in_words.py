"""A rollout's plan in words: what was written down, stage by stage, as it was frozen or still is a draft."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.rollouts.gates.registry import words_of
from provisioner.rollouts.plan import REST

# Where a plan's word is not what people say.
SAID: Mapping[tuple[str, str], str] = {
    ("join", "last_stage"): "join the last stage",
    ("join", "none"): "stay out",
    ("windows", "respect"): "are kept",
    ("windows", "ignore"): "are ignored",
    ("order", "random"): "at random, the same every time",
    ("order", "name"): "by tenant and name",
}
TITLES = (
    ("max_concurrency", "At once, at most"), ("max_failures", "May fail"), ("starts_per_minute", "Starts a minute"),
    ("order", "Order"), ("join", "Later members"), ("windows", "Maintenance windows"),
)  # fmt: skip


def plan_lines(plan: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a plan says, a title and words each."""
    found = [
        (title, SAID.get((key, str(plan[key])), str(plan[key])))
        for key, title in TITLES
        if plan.get(key) is not None
    ]
    for scope, title in (("per_region", "In each region"), ("per_landscape", "On each landscape")):
        if limits := plan.get(scope):
            found.append((title, ", ".join(_limit(key, value) for key, value in limits.items())))
    if (hours := plan.get("notice_hours")) is not None:
        found.append(("Notice to tenants", f"{hours:g} h before the first" if hours else "none"))
    if "breaker" in plan:
        found.append(("Breaker on health", "on" if plan["breaker"] else "off"))
    stages = plan.get("stages") or ()
    return [*found, *((f"Stage {stage['name']}", _stage(stage)) for stage in stages)]


def _limit(key: str, value: object) -> str:
    return f"{value} {'at once' if key == 'max_concurrency' else 'may fail'}"


def _stage(stage: Mapping[str, Any]) -> str:
    told = [_share(str(stage.get("share") or REST)), *([str(stage["select"])] if stage.get("select") else [])]
    told += [f"{stage[key]} {words}" for key, words in (("max_concurrency", "at once"), ("max_failures", "may fail"))
             if stage.get(key) not in {None, ""}]  # fmt: skip
    for side, when in (("before", "before it"), ("after", "then")):
        told += [f"{when} {within(words_of(gate['kind'], gate))}" for gate in stage.get(side) or ()]
    return ", ".join(told)


def _share(share: str) -> str:
    if share == REST:
        return "all that are left"
    return share if share.endswith("%") else f"{share} runtime{'' if share == '1' else 's'}"


def within(title: str) -> str:
    """Return a title as it stands within a sentence: names and units further on stay as they are."""
    return f"{title[:1].lower()}{title[1:]}"
