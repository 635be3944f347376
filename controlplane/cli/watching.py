"""Follow what takes its time: a bar where a terminal shows it, a line for each change where none does."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from shlex import quote
from typing import Any

from rich.progress import BarColumn, Progress, TaskID, TaskProgressColumn, TextColumn, TimeElapsedColumn

from controlplane.cli.client import Api
from controlplane.cli.printing import told
from controlplane.cli.problems import CliProblem, Status

EVERY_SECONDS = 1.5
ENDED = frozenset({"succeeded", "failed", "cancelled"})
RESTING = frozenset({"completed", "aborted"})
HELD = frozenset({"halted", "paused"})


@dataclass(frozen=True)
class Seen:
    """One look: bars by name with percent and words, and whether it is over."""

    bars: Mapping[str, tuple[float, str]]
    over: bool


def follow(look: Callable[[], Seen], *, every: float = EVERY_SECONDS) -> None:
    """Show each look until one says that it is over."""
    console = told()
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[words]}"),
    )
    tasks: dict[str, TaskID] = {}
    before: Mapping[str, tuple[float, str]] = {}
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        while True:
            seen = look()
            for name, (percent, words) in seen.bars.items():
                if name not in tasks:
                    tasks[name] = progress.add_task(name, total=100, words="")
                progress.update(tasks[name], completed=percent, words=words)
                if not console.is_terminal and before.get(name) != (percent, words):
                    console.print(f"{name}: {percent:.0f} % {words}".rstrip(), soft_wrap=True)
            before = seen.bars
            if seen.over:
                return
            time.sleep(every)


def operation_to_its_end(server: Api, operation_id: str, *, every: float = EVERY_SECONDS) -> dict[str, Any]:
    """Follow an operation and return it as it ended; raises CliProblem where it did not succeed."""
    last: dict[str, Any] = {}

    def look() -> Seen:
        last.update(server.get(f"operations/{operation_id}"))
        step = next((one["title"] for one in last["steps"] if one["name"] == last["step"]), "")
        words = last["reason"] or step if last["state"] not in ENDED else last["state"]
        return Seen(
            {f"{last['kind']} {last['runtime']['name']}": (last["progress"], words)}, last["state"] in ENDED
        )

    follow(look, every=every)
    if last["state"] != "succeeded":
        error = last["error"] or {}
        detail = error.get("message") or last["reason"] or f"It was {last['state']}."
        raise CliProblem(
            f"The {last['kind']} of {last['runtime']['name']} {last['state']}: {detail}", Status.FAILED
        )
    return last


def rollout_to_its_end(server: Api, rollout_id: str, *, every: float = EVERY_SECONDS) -> dict[str, Any]:
    """Follow a rollout, a bar for each stage, until it ends or waits for a person; raises CliProblem unless all is well."""
    last: dict[str, Any] = {}

    def look() -> Seen:
        last.clear()
        last.update(server.get(f"rollouts/{rollout_id}"))
        bars = {stage["name"]: (stage["progress"], _stage_words(stage)) for stage in last["stages"]}
        return Seen(
            bars, last["state"] in RESTING | HELD or bool(waiting_gates(last)) or at_a_stand(last) > 0
        )

    follow(look, every=every)
    if last["state"] in HELD | {"aborted"}:
        raise CliProblem(
            f"Rollout {last['name']} is {last['state']}: {last['reason'] or 'see its page'}", Status.FAILED
        )
    return last


def waiting_gates(rollout: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the gates that wait for somebody's approval."""
    gates = [gate for stage in rollout["stages"] for gate in stage["gates"]]
    return [gate for gate in gates if gate["kind"] == "approval" and gate["state"] == "waiting"]


def at_a_stand(rollout: Mapping[str, Any]) -> int:
    """Return how many of a running rollout are left that can't begin, when nobody else is; 0 while anybody moves."""
    counts = rollout["counts"]
    over = sum(
        one["count"] for one in rollout["reasons"] if (one["state"], one["code"]) == ("ready", "over_budget")
    )
    moving = counts["planned"] + counts["waiting"] + counts["running"] + counts["ready"] - over
    return 0 if moving or rollout["state"] != "running" else int(counts["blocked"] + over)


def what_it_waits_for(rollout: Mapping[str, Any]) -> list[str]:
    """Return whom a rollout waits for and what to say then: a gate's approval, or what can't begin by itself."""
    name = quote(rollout["name"])
    lines = [
        f"Gate {gate['id']} waits: {gate['reason']}  nesoi rollouts approve {name} --gate {gate['id']}"
        for gate in waiting_gates(rollout)
    ]
    if left := at_a_stand(rollout):
        who, says = (
            ("1 target that cannot begin is", "it says")
            if left == 1
            else (f"{left} targets that cannot begin are", "they say")
        )
        lines.append(
            f"Only {who} left: mend what {says}, retry, skip or close.  nesoi rollouts targets {name}"
        )
    return lines


def _stage_words(stage: Mapping[str, Any]) -> str:
    counts = stage["counts"]
    parts = [
        f"{counts[key]} {words}"
        for key, words in (
            ("running", "upgrading"),
            ("failed", "failed"),
            ("blocked", "blocked"),
            ("waiting", "waiting"),
        )
        if counts.get(key)
    ]
    return ", ".join([stage["state"], *parts])
