"""What is asked of rollouts: a draft, a preview and its answer, moves, choices of targets."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from controlplane.api.shapes.base import (
    COUNT,
    FREE,
    MAYBE_MOMENT,
    TEXT,
    Shape,
    record,
    several,
    words,
)
from controlplane.api.shapes.rollout import FINISH, finish_json
from controlplane.api.shapes.rollout_target import TARGET_STATES
from controlplane.kernel.clock import rfc3339
from provisioner.rollouts.previewing import Left, Preview, StagePreview
from provisioner.rollouts.steering import MOST_IDS

FLAG = {"type": "boolean"}
COUNTED = {"type": "object", "additionalProperties": COUNT}
MONEY = several(record({"currency": TEXT, "amount": TEXT}))
NAMES = several(TEXT)
WHY = {"type": "string", "maxLength": 300}
_ASKED: Mapping[str, Any] = {
    "release": {"type": "string", "maxLength": 63},
    "selector": {
        "type": "string",
        "description": "Terms such as plan=aws region=eu-*,us-east-1 tenant!=acme label.tier=gold cohort=10%; or all.",
    },
    "plan": {
        **FREE,
        "description": (
            "stages (name, share, select, groups, max_concurrency, max_failures, before, after, deadline_hours), "
            "max_concurrency, max_failures, per_landscape, per_region, starts_per_minute, burst, order, join, windows, "
            "notice_hours, ineligible, breaker. Left out: canary, 1 %, 10 %, rest; 10 % at once, 2 % may fail."
        ),
    },
    "urgent": {**FLAG, "description": "It goes before every other one, and may ignore windows."},
    "overlap": {**FLAG, "description": "It may share runtimes with other rollouts, and waits for these."},
}
_EXAMPLE = {
    "release": "2026.11.1",
    "selector": "plan=aws region=eu-*",
    "plan": {
        "stages": [
            {"name": "canary", "share": 5, "after": [{"kind": "soak", "minutes": 60}]},
            {"name": "rest", "share": "rest", "before": [{"kind": "approval"}]},
        ],
        "max_concurrency": "10%",
        "max_failures": "2%",
    },
}
_OPTIONAL = ("plan", "urgent", "overlap", "priority")
PREVIEW_ASKED = Shape(
    "RolloutPreviewRequest",
    {**record(_ASKED, optional=_OPTIONAL), "additionalProperties": False},
    _EXAMPLE,
)
ROLLOUT_CREATE = Shape(
    "RolloutCreate",
    {
        **record({"name": TEXT, **_ASKED, "priority": {"type": "integer"}}, optional=_OPTIONAL),
        "additionalProperties": False,
    },
    {"name": "November", **_EXAMPLE},
)
STAGE_PREVIEW = record(
    {
        "name": TEXT,
        "members": COUNT,
        "first": NAMES,
        "max_concurrency": COUNT,
        "max_failures": {"type": ["integer", "null"]},
        "gates_before": NAMES,
        "gates_after": NAMES,
        "tenants": COUNT,
        "revenue": MONEY,
        "wait_for_windows": {
            **COUNT,
            "description": "Of its members, those whose maintenance window is shut when the stage begins, at the earliest.",
        },
        "sooner": {
            **COUNT,
            "description": "Of the canaries, those that stand in for others of their plan, landscape and region whose window "
            "opens days later.",
        },
        "left_behind": {
            **COUNT,
            "description": "Of its members, those whose maintenance window opens behind its deadline, as far as is known.",
        },
    }
)
PREVIEW = Shape(
    "RolloutPreview",
    record(
        {
            "release": TEXT,
            "selector": TEXT,
            "members": COUNT,
            "tenants": COUNT,
            "plans": COUNTED,
            "regions": COUNTED,
            "releases": {**COUNTED, "description": "What they run now."},
            "revenue": {**MONEY, "description": "Of their tenants' last statements."},
            "max_concurrency": COUNT,
            "max_failures": COUNT,
            "wait_for_windows": COUNT,
            "latest_window": {**MAYBE_MOMENT, "description": "When the last of these may begin."},
            "left_behind": {
                **COUNT,
                "description": "Whose window opens behind the deadline of the stage; `ineligible` names some.",
            },
            "stages": several(STAGE_PREVIEW),
            "ineligible": several(
                record({"code": TEXT, "reason": TEXT, "count": COUNT, "names": NAMES, "passing": FLAG})
            ),
            "finish": FINISH,
        },
        description="What such a rollout would do now: order, blast radius, who can't come along, and when it would be done.",
    ),
)


def _asked(
    name: str, properties: Mapping[str, Any], example: Any, *, required: tuple[str, ...] = ()
) -> Shape:
    schema = {"type": "object", "additionalProperties": False, "properties": dict(properties)}
    return Shape(name, {**schema, **({"required": list(required)} if required else {})}, example)


REASONED = _asked("RolloutMove", {"reason": WHY}, {"reason": "a look at the canaries"}, required=("reason",))
RESUME = _asked(
    "RolloutResume",
    {
        "reason": WHY,
        "accept_failures": {**FLAG, "description": "Take the failures so far out of the budget."},
    },
    {"reason": "the provider is back", "accept_failures": True},
)
NOTE = _asked("GateApproval", {"note": WHY}, {"note": "canaries look well"})
CHOICE = _asked(
    "RolloutChoice",
    {
        "targets": {
            **several({"type": "string", "maxLength": 36}),
            "maxItems": MOST_IDS,
            "description": "Their ids.",
        },
        "signature": {
            "type": "string",
            "maxLength": 160,
            "description": "Failures of this cause: a code and its step, or the code alone.",
        },
        "state": words(TARGET_STATES),
        "reason_code": {"type": "string", "maxLength": 64},
        "reason": WHY,
    },
    {"signature": "ERR_INFRA_QUOTA_EXCEEDED control_plane", "reason": "the quota was raised"},
)
COUNT_DONE = Shape(
    "RolloutChosen", record({"count": COUNT}, description="Of how many targets that was done.")
)


def preview_json(preview: Preview) -> dict[str, Any]:
    """Return a preview."""
    return {
        "release": preview.release,
        "selector": preview.selector,
        "members": preview.members,
        "tenants": preview.tenants,
        "plans": dict(preview.plans),
        "regions": dict(preview.regions),
        "releases": dict(preview.releases),
        "revenue": _money(preview.revenue),
        "max_concurrency": preview.max_concurrency,
        "max_failures": preview.max_failures,
        "wait_for_windows": preview.wait_for_windows,
        "latest_window": rfc3339(preview.latest_window),
        "left_behind": preview.left_behind,
        "stages": [_stage(stage) for stage in preview.stages],
        "ineligible": [_left(left) for left in preview.ineligible],
        "finish": finish_json(preview.finish),
    }


def _stage(stage: StagePreview) -> dict[str, Any]:
    lists = {name: list(getattr(stage, name)) for name in ("first", "gates_before", "gates_after")}
    return {**vars(stage), **lists, "revenue": _money(stage.revenue)}


def _left(left: Left) -> dict[str, Any]:
    return {**vars(left), "names": list(left.names)}


def _money(sums: Mapping[str, Decimal]) -> list[dict[str, str]]:
    return [{"currency": currency, "amount": str(amount)} for currency, amount in sorted(sums.items())]
