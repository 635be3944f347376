"""Everything that happened to one runtime, newest first: operations, rollouts, people's acts, health, findings."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from typing import Any

from django.urls import reverse

from controlplane.console.presenters.badges import KINDS, STATES, Badge
from controlplane.console.presenters.conditions import ConditionView
from controlplane.console.presenters.findings import SEVERITIES
from controlplane.console.presenters.rollouts import TARGETS
from controlplane.tenants.models import AuditEvent
from provisioner.findings.models import Finding
from provisioner.findings.rules.base import Severity
from provisioner.operations.models import Operation
from provisioner.operations.moves import State

BEGAN = Badge("Began", "play", "busy")
ACT = Badge("Act", "user", "idle")
DENIED = Badge("Denied", "no-symbol", "bad")
HEALTH = {
    "bad": "exclamation-triangle",
    "wait": "question-mark-circle",
    "busy": "arrow-path",
    "ok": "check-circle",
}
MOST = 60


@dataclass(frozen=True)
class Moment:
    """One thing that happened."""

    at: datetime
    badge: Badge
    title: str
    detail: str = ""
    link: str = ""


def story(
    *,
    operations: Iterable[Operation],
    rollouts: Iterable[Mapping[str, Any]],
    acts: Iterable[AuditEvent],
    conditions: Iterable[ConditionView],
    findings: Iterable[Finding],
) -> Sequence[Moment]:
    """Return the newest MOST of all of it."""
    every = chain(
        chain.from_iterable(_of_operation(one) for one in operations),
        (_of_rollout(one) for one in rollouts),
        (_of_act(one) for one in acts),
        chain.from_iterable(_of_condition(one) for one in conditions),
        (_of_finding(one) for one in findings),
    )
    return sorted(every, key=lambda one: one.at, reverse=True)[:MOST]


def _of_operation(one: Operation) -> Iterator[Moment]:
    link, title = reverse("console:operation", args=[one.pk]), KINDS.get(one.kind, one.kind)
    release = str(one.input.get("release", ""))
    title += f" to {release}" if release else ""
    if one.started_at:
        yield Moment(one.started_at, BEGAN, title, f"asked for by {one.requested_by}", link)
    if one.finished_at:
        error = f"{one.error_code}: {one.error_message}" if one.error_code else ""
        yield Moment(one.finished_at, STATES[State(one.state)], title, error, link)


def _of_rollout(row: Mapping[str, Any]) -> Moment:
    link = reverse("console:fleet-rollout", args=[row["rollout_id"]])
    badge = TARGETS.get(row["state"], ACT)
    return Moment(row["since"], badge, f"Rollout {row['rollout']}, stage {row['stage']}", row["reason"], link)


def _of_act(one: AuditEvent) -> Moment:
    words = one.action.replace(".", " ").replace("_", " ")
    badge = DENIED if one.outcome == "denied" else ACT
    return Moment(one.at, badge, words.capitalize(), f"by {one.actor}")


def _of_condition(one: ConditionView) -> Iterator[Moment]:
    if one.since is not None:
        yield Moment(one.since, Badge(one.word, one.icon, one.tone), one.title, one.message)


def _of_finding(one: Finding) -> Moment:
    return Moment(
        one.since, SEVERITIES[Severity(one.severity)], f"Found: {one.rule.replace('_', ' ')}", one.sentence
    )
