"""How rollouts, stages and targets look: badges, bars of what is done, errors and reasons put together over the stages."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from controlplane.console.charts.drawing import Drawing
from controlplane.console.charts.lines import Line, lines_over_time
from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.failures import cause_words, whose
from provisioner.drivers.shoots.faults import MEANINGS
from provisioner.rollouts.estimate import Estimate
from provisioner.rollouts.gates.registry import gate_of
from provisioner.rollouts.models import Gate, HealthPoint, Rollout, Tally
from provisioner.rollouts.reading import Burn, StageView
from provisioner.rollouts.states import RolloutState, StageState, TargetState

ROLLOUTS: Mapping[str, Badge] = {
    RolloutState.DRAFT: Badge("Draft", "pencil-square", "idle"),
    RolloutState.RUNNING: Badge("Running", "arrow-path", "busy"),
    RolloutState.PAUSED: Badge("Paused", "pause-circle", "wait"),
    RolloutState.HALTED: Badge("Halted", "exclamation-triangle", "bad"),
    RolloutState.ABORTING: Badge("Aborting", "arrow-path", "wait"),
    RolloutState.ABORTED: Badge("Aborted", "no-symbol", "idle"),
    RolloutState.COMPLETED: Badge("Completed", "check-circle", "ok"),
}
CLOSING = Badge("Closing", "archive-box", "wait")
BROKEN_OFF = Badge("Broken off", "no-symbol", "idle")
STAGES: Mapping[str, Badge] = {
    StageState.PENDING: Badge("Not begun", "clock", "idle"),
    StageState.ENTERING: Badge("At its gate", "lock-closed", "wait"),
    StageState.RUNNING: Badge("Running", "arrow-path", "busy"),
    StageState.LEAVING: Badge("At its gate", "lock-closed", "wait"),
    StageState.PASSED: Badge("Passed", "check-circle", "ok"),
    StageState.SKIPPED: Badge("Skipped", "forward", "idle"),
}
TARGETS: Mapping[str, Badge] = {
    TargetState.PLANNED: Badge("Planned", "clock", "idle"),
    TargetState.WAITING: Badge("Waiting", "clock", "wait"),
    TargetState.BLOCKED: Badge("Blocked", "no-symbol", "wait"),
    TargetState.READY: Badge("Ready to begin", "queue-list", "idle"),
    TargetState.STARTING: Badge("Starting", "arrow-path", "busy"),
    TargetState.RUNNING: Badge("Upgrading", "arrow-path", "busy"),
    TargetState.SUCCEEDED: Badge("Done", "check-circle", "ok"),
    TargetState.FAILED: Badge("Failed", "exclamation-triangle", "bad"),
    TargetState.SKIPPED: Badge("Skipped", "forward", "idle"),
    TargetState.LEFT: Badge("Left behind", "archive-box", "wait"),
    TargetState.GONE: Badge("Gone", "archive-box", "idle"),
}
# Columns of a lane as parts of a bar: (column, the state that its rows are found by, words, tone); what is left is planned.
PARTS = (
    ("succeeded", "succeeded", "done", "ok"),
    ("active", "running", "upgrading", "busy"),
    ("failed", "failed", "failed", "bad"),
    ("blocked", "blocked", "blocked", "wait"),
    ("waiting", "waiting", "waiting", "wait"),
    ("ready", "ready", "ready to begin", "wait"),
    ("left_behind", "left_behind", "left behind", "idle"),
    ("skipped", "skipped", "skipped", "idle"),
    ("gone", "gone", "gone", "idle"),
    ("planned", "planned", "not begun", "empty"),
)
# Reasons that each target has in words of its own: a name, a version, a day, what is under way.
OWN_WORDS = frozenset({
    "window", "excluded", "window_never_opens", "notice", "skipped", "again", "pushed_aside", "busy", "other_rollout",
    "urgent_rollout", "working", "stuck", "paused", "runtime_busy", "runtime_deprovisioning", "runtime_not_upgradable",
    "runtime_pinned", "account_suspended", "upgrade_blocked", "plan_unsupported", "hop_missing", "release_older", "over_budget",
})  # fmt: skip
PICTURE_WIDTH = 1000
NARROWEST = 8  # so that one failure among thousands is still seen


@dataclass(frozen=True)
class Part:
    """One part of a bar."""

    state: str
    words: str
    tone: str
    number: int
    x: int
    width: int


@dataclass(frozen=True)
class Cause:
    """Targets with one error, or one reason, over all stages."""

    state: str
    code: str
    targets: int
    sample: str
    first_at: datetime
    last_at: datetime
    remedy: str

    @property
    def words(self) -> tuple[str, str]:
        """A failure's code, and the step that it came in."""
        return cause_words(self.code)

    @property
    def whose(self) -> str:
        """That it is its tenants' to mend, where it is."""
        return whose(self.code)

    @property
    def of_one(self) -> bool:
        """Whether its words are those of one of them, and others may have other ones."""
        return said_of_one(self.code, self.targets)

    @property
    def badge(self) -> Badge:
        """How its state looks."""
        return TARGETS.get(self.state, TARGETS[TargetState.RUNNING])


def badge_of(rollout: Rollout) -> Badge:
    """How a rollout looks; one that was closed runs only for those that had begun."""
    closing = rollout.state == RolloutState.RUNNING and rollout.closed_at is not None
    return CLOSING if closing else ROLLOUTS[rollout.state]


def parts(counts: Mapping[str, int | None]) -> list[Part]:
    """The parts of a bar side by side, filling its width; none is too narrow to be seen."""
    present = [(column, counts.get(column) or 0) for column, *_ in PARTS if counts.get(column)]
    total, free = sum(number for _, number in present), PICTURE_WIDTH - NARROWEST * len(present)
    looks = {column: rest for column, *rest in PARTS}
    found, x = list[Part](), 0
    for column, number in present:
        last = column == present[-1][0]
        width = PICTURE_WIDTH - x if last else NARROWEST + round(free * number / total)
        state, words, tone = looks[column]
        found.append(Part(state, words, tone, number, x, width))
        x += width
    return found


def in_a_sentence(found: Iterable[Part]) -> str:
    """The bar for those who hear it: "12 done, 3 upgrading"."""
    return ", ".join(f"{part.number} {part.words}" for part in found) or "nothing yet"


def causes(tallies: Sequence[Tally]) -> list[Cause]:
    """Tallies of the same state and code as one, the most frequent first."""
    found: dict[tuple[str, str], list[Tally]] = {}
    for one in tallies:
        found.setdefault((one.state, one.code), []).append(one)
    merged = [
        Cause(
            state, code, sum(one.targets for one in ones), ones[0].sample,
            min(one.first_at for one in ones), max(one.last_at for one in ones), remedy_of(code),
        )
        for (state, code), ones in found.items()
    ]  # fmt: skip
    return sorted(merged, key=lambda one: -one.targets)


def said_of_one(code: str, targets: int) -> bool:
    """Whether one of them speaks for others who have words of their own."""
    return targets > 1 and code in OWN_WORDS


def remedy_of(code: str, audience: str = "") -> str:
    """Say what helps against an error's code, or a signature that begins with one; empty where nothing special does."""
    meaning = MEANINGS.get(re.split(r"[^A-Za-z_]", code, maxsplit=1)[0])
    if meaning is not None:
        return meaning.remedy
    return "Its tenant can mend it; the runtime's page tells how." if audience == "tenant" else ""


def stage_lines(stages: Sequence[StageView]) -> list[dict[str, Any]]:
    """What a stage's block shows."""
    lines = []
    for stage in stages:
        found = parts(stage.row)
        lines.append(
            {
                "stage": stage,
                "row": stage.row,
                "hold": "" if _said_at_its_gates(stage) else stage.row["hold"],
                "badge": _stage_badge(stage.row),
                "parts": found,
                "spoken": in_a_sentence(found),
                "before": gates(stage, "before"),
                "after": gates(stage, "after"),
            }
        )
    return lines


def _stage_badge(row: Mapping[str, Any]) -> Badge:
    """How a stage looks; of one that was begun an abort skips the rest only."""
    begun = row["state"] == StageState.SKIPPED and row["began_at"] is not None
    return BROKEN_OFF if begun else STAGES[row["state"]]


def _said_at_its_gates(stage: StageView) -> bool:
    """Whether what holds it up stands beside the gates that do."""
    said = [gate.reason for gate in stage.gates if gate.since and not gate.open]
    return bool(stage.row["hold"] == "; ".join(said))


def gates(stage: StageView, side: str) -> list[tuple[Gate, str]]:
    """The gates on one side of a stage, each with what it is called."""
    return [(gate, gate_of(gate.kind).title) for gate in stage.gates if gate.side == side]


def burn_lines(
    burn: Sequence[Burn], stages: Sequence[StageView], landscapes: Mapping[str, str]
) -> list[dict[str, Any]]:
    """Failure budgets in words, with how much of each is used, in percent."""
    names = {str(stage.row["position"]): stage.row["name"] for stage in stages}
    lines = []
    for one in burn:
        kind, _, key = one.scope.partition(" ")
        words = {
            "rollout": "The whole rollout",
            "stage": f"Stage {names.get(key, key)}",
            "landscape": f"Landscape {landscapes.get(key, key)}",
            "region": f"Region {key}",
            "group": f"Group {key.partition(' ')[2]} of stage {names.get(key.partition(' ')[0], '')}",
        }.get(kind, one.scope)
        used = min(100, round(100 * one.failed / one.allowed)) if one.allowed else 100 * bool(one.failed)
        lines.append({"words": words, "failed": one.failed, "allowed": one.allowed, "used": used})
    return lines


def health_chart(points: Sequence[HealthPoint]) -> Drawing | None:
    """The share of unhealthy runtimes among the upgraded and among the others, over time; None without a point."""
    if not points:
        return None
    upgraded = [(one.at, _share(one.upgraded_unhealthy, one.upgraded)) for one in points]
    control = [(one.at, _share(one.control_unhealthy, one.control)) for one in points]
    last = points[-1]
    about = (
        f"Now {last.upgraded_unhealthy} of {last.upgraded} upgraded runtimes turned unhealthy, and "
        f"{last.control_unhealthy} of {last.control} that are not yet upgraded."
    )
    return lines_over_time(
        title="Turned unhealthy",
        about=about,
        lines=[Line("Upgraded", upgraded, "2"), Line("Not yet upgraded", control, "1", dashed=True)],
    )


def when(finish: Estimate) -> str:
    """Say when it will be done, between when if that is not the same minute, and what keeps it from being sooner."""
    low, likely, high = (f"{one:%-d %b %H:%M}" for one in (finish.low, finish.likely, finish.high))
    between = f", between {low} and {high}" if low != high else ""
    return f"about {likely} UTC{between}; bound by {finish.bound_by}"


def at_a_stand(counts: Mapping[str, int], reasons: Iterable[Tally]) -> str:
    """Say what a running rollout waits for when only those are left that can't begin; empty while anybody moves."""
    over = sum(one.targets for one in reasons if (one.state, one.code) == ("ready", "over_budget"))
    moves = any(counts.get(one) for one in ("planned", "waiting", "active"))
    left = (counts.get("blocked") or 0) + over
    if not left or moves or (counts.get("ready") or 0) > over:
        return ""
    them = "1 runtime that cannot begin is" if left == 1 else f"{left} runtimes that cannot begin are"
    mend = (
        "Retry or skip what failed there, mend what the others say"
        if over
        else "Mend what they say, skip them"
    )
    return f"Only {them} left. {mend}, or close the rollout: they are left behind then."


def _share(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
