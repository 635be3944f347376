"""A rollout's plan: stages in series, groups inside, gates around, limits everywhere; frozen when it starts. Pure.

    {"stages": [{"name", "share": 5 or "1%" or "rest", "select",
                 "groups": [{"name", "select", "max_concurrency", "max_failures"}], "max_concurrency", "max_failures",
                 "before": [gate], "after": [gate], "deadline_hours"}],
     "max_concurrency", "max_failures", "per_landscape": {"max_concurrency", "max_failures"}, "per_region": {…},
     "starts_per_minute", "burst", "order": "random" | "name", "join": "last_stage" | "none",
     "windows": "respect" | "ignore", "notice_hours": 24, "ineligible": "refuse" | "leave", "breaker": true}

A gate is {"kind", …its own settings}. `notice_hours` is a gate before the first stage: tenants are told so long beforehand.
What is left out is safe: 10 % at once, 2 % failures, four stages, a day's notice.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown
from provisioner.rollouts.budget import Amount, parse_amount
from provisioner.rollouts.gates.registry import gate_of
from provisioner.rollouts.selector import Selector, parse_selector

MAX_CONCURRENCY, MAX_FAILURES = Amount(10, relative=True), Amount(2, relative=True)
MOST_STAGES, MOST_GROUPS, MOST_GATES = 31, 20, 5
LONGEST_NAME = 40
REST = "rest"
Words = Mapping[str, Collection[str]]  # values that exist, by a selector's key
DEADLINE_HOURS, LONGEST_DEADLINE_HOURS = 7 * 24.0, 90 * 24.0
MOST_STARTS_PER_MINUTE = 60_000.0
CANARY_SOAK_MINUTES = 60
LONGEST_NOTICE_HOURS = 30 * 24.0
STAGE_KEYS = ("name", "share", "select", "groups", "max_concurrency", "max_failures", "before", "after",
              "deadline_hours")  # fmt: skip
KEYS = ("stages", "max_concurrency", "max_failures", "per_landscape", "per_region", "starts_per_minute", "burst", "order",
        "join", "windows", "notice_hours", "ineligible", "breaker")  # fmt: skip


@dataclass(frozen=True)
class GatePlan:
    """One gate: its kind and its checked settings."""

    kind: str
    settings: Mapping[str, Any]


@dataclass(frozen=True)
class GroupPlan:
    """Members of a stage with limits of their own."""

    name: str
    selector: Selector
    max_concurrency: Amount | None
    max_failures: Amount | None = None


@dataclass(frozen=True)
class StagePlan:
    """One stage: who, how many at once, how many may fail, what before and behind."""

    name: str
    share: Amount | None  # of all selected; None: whoever is left
    selector: Selector | None
    groups: tuple[GroupPlan, ...]
    max_concurrency: Amount | None
    max_failures: Amount | None
    before: tuple[GatePlan, ...]
    after: tuple[GatePlan, ...]
    deadline_hours: float


@dataclass(frozen=True)
class ScopeLimits:
    """Limits of every landscape, or of every region."""

    max_concurrency: Amount | None = None
    max_failures: Amount | None = None


@dataclass(frozen=True)
class Plan:
    """The whole of it."""

    stages: tuple[StagePlan, ...]
    max_concurrency: Amount
    max_failures: Amount
    per_landscape: ScopeLimits = field(default_factory=ScopeLimits)
    per_region: ScopeLimits = field(default_factory=ScopeLimits)
    starts_per_minute: float | None = None
    burst: int = 1
    order: str = "random"
    join: str = "last_stage"
    windows: str = "respect"
    ineligible: str = "refuse"
    breaker: bool = True
    notice_hours: float | None = None  # None: not said
    fitted: bool = False  # to however many there are: stages that find nobody are left out


def parse_plan(given: Mapping[str, Any], *, now: datetime, words: Words | None = None) -> Plan:
    """Return the plan; `words` are those that its selectors may use. Raises Refused with the field and the fix."""
    _known(given, KEYS, "plan")
    stages = given.get("stages")
    parsed = default_stages(now) if stages is None else _stages(stages, now, words)
    rate = given.get("starts_per_minute")
    per_minute = None if rate is None else _number(rate, "starts_per_minute", 0.1, MOST_STARTS_PER_MINUTE)
    return Plan(
        stages=parsed,
        max_concurrency=_amount(given, "max_concurrency", positive=True) or MAX_CONCURRENCY,
        max_failures=_amount(given, "max_failures", positive=False) or MAX_FAILURES,
        per_landscape=_scope(given.get("per_landscape", {}), "per_landscape"),
        per_region=_scope(given.get("per_region", {}), "per_region"),
        starts_per_minute=per_minute,
        burst=int(_number(given.get("burst", max(1.0, (per_minute or 1) / 60)), "burst", 1, 10_000)),
        order=_choice(given, "order", ("random", "name")),
        join=_choice(given, "join", ("last_stage", "none")),
        windows=_choice(given, "windows", ("respect", "ignore")),
        ineligible=_choice(given, "ineligible", ("refuse", "leave")),
        breaker=_flag(given.get("breaker", True), "breaker"),
        notice_hours=_notice(given.get("notice_hours")),
        fitted=stages is None,
    )


def with_notice(plan: Plan, usual: float) -> Plan:
    """Return the plan with the gate that gives tenants notice before its first stage: as it says itself, or as is usual."""
    hours = usual if plan.notice_hours is None else plan.notice_hours
    if not hours:
        return replace(plan, notice_hours=0.0)
    first, *others = plan.stages
    gate = GatePlan("notice", {"hours": hours})
    return replace(plan, notice_hours=hours, stages=(replace(first, before=(gate, *first.before)), *others))


def default_stages(now: datetime) -> tuple[StagePlan, ...]:
    """Return canary, 1 %, 10 % and the rest; the canaries may not fail, and soak for an hour."""
    soak = {"kind": "soak", "minutes": CANARY_SOAK_MINUTES}
    return _stages(
        [
            {"name": "canary", "share": 5, "max_failures": 0, "max_concurrency": 5, "after": [soak]},
            {"name": "1 %", "share": "1%", "after": [{**soak, "minutes": CANARY_SOAK_MINUTES / 2}]},
            {"name": "10 %", "share": "10%", "after": [{"kind": "health", "healthy_percent": 99}]},
            {"name": REST, "share": REST},
        ],
        now,
    )


def _stages(given: Any, now: datetime, words: Words | None = None) -> tuple[StagePlan, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or not 1 <= len(given) <= MOST_STAGES:
        detail = f"A plan has 1 to {MOST_STAGES} stages; leave `stages` out for canary, 1 %, 10 %, rest."
        raise Refused("stages_invalid", detail, field="stages")
    stages = tuple(_stage(one, f"stages.{number}", now, words) for number, one in enumerate(given))
    _refuse_twice([stage.name for stage in stages], "stages", "stages")
    return stages


def _refuse_twice(names: Sequence[str], noun: str, where: str) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise Refused(
            "stages_invalid", f"Two {noun} are called {shown(twice)}; name them apart.", field=where
        )


def _stage(given: Any, where: str, now: datetime, words: Words | None) -> StagePlan:
    if not isinstance(given, Mapping):
        raise Refused("stages_invalid", f"{where} must be an object with a name and a share.", field=where)
    _known(given, STAGE_KEYS, where)
    share = given.get("share", REST)
    groups = given.get("groups", [])
    if not isinstance(groups, Sequence) or isinstance(groups, str) or len(groups) > MOST_GROUPS:
        raise Refused(
            "stages_invalid", f"{where}.groups must be a list of at most {MOST_GROUPS}.", field=where
        )
    parsed = tuple(_group(one, f"{where}.groups.{number}", words) for number, one in enumerate(groups))
    _refuse_twice([group.name for group in parsed], "groups", f"{where}.groups")
    return StagePlan(
        name=_name(given.get("name"), where),
        share=None if share == REST else parse_amount(share, f"{where}.share", positive=True),
        selector=_select(given["select"], where, words) if given.get("select") else None,
        groups=parsed,
        max_concurrency=_amount(given, "max_concurrency", positive=True, where=where),
        max_failures=_amount(given, "max_failures", positive=False, where=where),
        before=_gates(given.get("before", []), f"{where}.before", now),
        after=_gates(given.get("after", []), f"{where}.after", now),
        deadline_hours=_number(
            given.get("deadline_hours", DEADLINE_HOURS),
            f"{where}.deadline_hours",
            0.01,
            LONGEST_DEADLINE_HOURS,
        ),
    )


def _select(given: Any, where: str, words: Words | None) -> Selector:
    try:
        return parse_selector(str(given), words)
    except Refused as refusal:  # a selector does not know where it stands
        raise Refused(
            refusal.code, refusal.detail, field=f"{where}.select", status=refusal.status
        ) from refusal


def _group(given: Any, where: str, words: Words | None) -> GroupPlan:
    if not isinstance(given, Mapping):
        raise Refused("stages_invalid", f"{where} must be an object with a name and a select.", field=where)
    _known(given, ("name", "select", "max_concurrency", "max_failures"), where)
    return GroupPlan(
        _name(given.get("name"), where),
        _select(given.get("select", ""), where, words),
        _amount(given, "max_concurrency", positive=True, where=where),
        _amount(given, "max_failures", positive=False, where=where),
    )


def _gates(given: Any, where: str, now: datetime) -> tuple[GatePlan, ...]:
    if not isinstance(given, Sequence) or isinstance(given, str) or len(given) > MOST_GATES:
        raise Refused("gate_invalid", f"{where} must be a list of at most {MOST_GATES} gates.", field=where)
    return tuple(_gate(one, f"{where}.{number}", now) for number, one in enumerate(given))


def _gate(given: Any, where: str, now: datetime) -> GatePlan:
    if not isinstance(given, Mapping):
        raise Refused("gate_invalid", f"{where}: a gate is an object with a kind.", field=where)
    settings = {key: value for key, value in given.items() if key != "kind"}
    try:
        return GatePlan(str(given.get("kind")), gate_of(given.get("kind")).check(settings, now))
    except Refused as refusal:  # gates know their settings, and not where they stand
        setting = next((one.field.partition(".")[2] for one in refusal.errors), "")
        at = f"{where}.{setting}" if setting else where
        raise Refused(refusal.code, refusal.detail, field=at, status=refusal.status) from refusal


def _scope(given: Any, where: str) -> ScopeLimits:
    if not isinstance(given, Mapping):
        raise Refused("plan_invalid", f"{where} must be an object.", field=where)
    _known(given, ("max_concurrency", "max_failures"), where)
    return ScopeLimits(
        _amount(given, "max_concurrency", positive=True, where=where),
        _amount(given, "max_failures", positive=False, where=where),
    )


def _amount(given: Mapping[str, Any], key: str, *, positive: bool, where: str = "") -> Amount | None:
    if given.get(key) is None:
        return None
    return parse_amount(given[key], f"{where}.{key}" if where else key, positive=positive)


def _number(given: Any, where: str, least: float, most: float) -> float:
    if isinstance(given, bool) or not isinstance(given, int | float) or not least <= given <= most:
        detail = f"{where} must be a number from {least:g} to {most:g}, not {shown(given)}."
        raise Refused("plan_invalid", detail, field=where)
    return float(given)


def _notice(given: Any) -> float | None:
    if given is None:
        return None
    if given == 0 and not isinstance(given, bool):
        return 0.0
    return _number(given, "notice_hours", 0.01, LONGEST_NOTICE_HOURS)


def _flag(given: Any, where: str) -> bool:
    if not isinstance(given, bool):
        raise Refused("plan_invalid", f"{where} must be true or false, not {shown(given)}.", field=where)
    return given


def _choice(given: Mapping[str, Any], key: str, known: Sequence[str]) -> str:
    value = given.get(key, known[0])
    if value not in known:
        raise Refused("plan_invalid", f"{key} can't be {shown(value)}. {choices(known, value)}", field=key)
    return str(value)


def _name(given: Any, where: str) -> str:
    if not isinstance(given, str) or not 1 <= len(given.strip()) <= LONGEST_NAME or not given.isprintable():
        raise Refused(
            "stages_invalid", f"{where} needs a name of 1 to {LONGEST_NAME} characters.", field=where
        )
    return given.strip()


def _known(given: Mapping[str, Any], keys: Sequence[str], where: str) -> None:
    for key in given:
        if key not in keys:
            detail = f"{where} has no field {shown(key)}. {choices(keys, key)}"
            raise Refused("plan_invalid", detail, field=f"{where}.{key}")
