"""The stages of a plan as rows of a form: added, removed, put before others, and read into what `parse_plan` takes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from provisioner.rollouts import members
from provisioner.rollouts.gates.registry import gate_of
from provisioner.rollouts.plan import CANARY_SOAK_MINUTES, LONGEST_NAME, MOST_STAGES, REST
from provisioner.rollouts.selector import parse_selector

Row = dict[str, str]
ROWS = "stages"
AMOUNT = "A number, or a share such as 10%."
# (key, title, help, folded away)
ASKED = (
    ("name", "Name", "", False),
    ("share", "How many runtimes", "A number, a share such as 10%, or rest.", False),
    ("max_concurrency", "At once, at most", f"{AMOUNT} Empty: as the whole rollout.", False),
    ("max_failures", "May fail", f"{AMOUNT} Empty: as the whole rollout.", False),
    ("soak", "Then soak, minutes", "Empty: no soak.", False),
    ("approvals", "Then approvals, people", "Empty: nobody is asked.", False),
    ("select", "Only runtimes with", "A selector such as plan=aws; empty: any that is left.", True),
    ("healthy", "Then healthy, %", "Of the upgraded ones, at least; empty: not asked.", True),
    ("growth", "Then footprint may have grown, %", "Empty: not asked.", True),
    ("approvals_before", "Approvals before it, people", "Empty: nobody is asked.", True),
    ("begins_at", "Not before", "A moment such as 2026-12-01T06:00Z; empty: as soon as its turn comes.", True),
    ("deadline_hours", "Deadline, hours", "Whoever waits longer is left behind; empty: a week.", True),
    ("groups", "Groups with limits of their own",
     "One a line, name: selector: at once, such as large: plan=aws: 2; a fourth part is how many may fail.", True),
)  # fmt: skip
GATES = (  # (key of the row, side, kind, the gate's setting)
    ("approvals_before", "before", "approval", "approvers"),
    ("begins_at", "before", "scheduled_start", "at"),
    ("soak", "after", "soak", "minutes"),
    ("healthy", "after", "health", "healthy_percent"),
    ("growth", "after", "footprint", "growth_percent"),
    ("approvals", "after", "approval", "approvers"),
)
USUAL: tuple[Row, ...] = (
    {"name": "canary", "share": "5", "max_concurrency": "5", "max_failures": "0", "soak": str(CANARY_SOAK_MINUTES)},
    {"name": "1 %", "share": "1%", "soak": str(CANARY_SOAK_MINUTES // 2)},
    {"name": "10 %", "share": "10%", "healthy": "99"},
    {"name": REST, "share": REST},
)  # fmt: skip


def typed_rows(given: Mapping[str, str]) -> list[Row]:
    """Return the rows that were sent, in their order."""
    pattern = re.compile(rf"{ROWS}\.(\d{{1,4}})\.(\w+)")
    found: dict[int, Row] = {}
    for name, value in given.items():
        if (hit := pattern.fullmatch(name)) and len(found) <= MOST_STAGES:
            found.setdefault(int(hit.group(1)), {})[hit.group(2)] = clean(value)
    return [found[number] for number in sorted(found)]


def press(rows: list[Row], button: str) -> list[Row]:
    """Carry out "add", "remove", "up" or "down" with ":stages.2" behind it; anything else changes nothing."""
    verb, _, path = button.partition(":")
    number = int(path.removeprefix(f"{ROWS}.")) if re.fullmatch(rf"{ROWS}\.\d{{1,4}}", path) else -1
    rows = list(rows)
    if verb == "add" and len(rows) < MOST_STAGES:
        at = len(rows) - 1 if rows and rows[-1].get("share") == REST else len(rows)
        rows.insert(at, {"name": f"stage {len(rows) + 1}", "share": "10%"})
    elif verb == "remove" and 0 <= number < len(rows):
        del rows[number]
    elif verb in {"up", "down"} and 0 <= number < len(rows):
        other = number + (1 if verb == "down" else -1)
        if 0 <= other < len(rows):
            rows[number], rows[other] = rows[other], rows[number]
    return rows


def stage_field(rows: list[Row]) -> Field:
    """The rows as fields."""
    whole = Field(
        "rows", ROWS, "My own stages", "One after another, from the first to the last.", spread=True
    )
    whole.item_title, whole.most, whole.echo, whole.movable = "Stage", MOST_STAGES, True, True
    for number, row in enumerate(rows):
        name = f"{ROWS}.{number}"
        children = [
            Field(
                "lines" if key == "groups" else "text", f"{name}.{key}", title, about, value=row.get(key, ""),
                required=key in {"name", "share"}, advanced=folded, spread=key in {"select", "groups"},
            )
            for key, title, about, folded in ASKED
        ]  # fmt: skip
        whole.children.append(
            Field("section", name, f"Stage {number + 1}: {row.get('name', '')}"[:80], children=children)
        )
    return whole


def read_rows(rows: list[Row]) -> list[dict[str, Any]]:
    """Return the stages; raises Refused at the very field."""
    if not rows:
        raise Refused("stages_invalid", "A rollout needs a stage; add one.", field=ROWS)
    known = members.known_words()
    return [_stage(row, f"{ROWS}.{number}", known) for number, row in enumerate(rows)]


def at_its_stage(refusal: Refused, rows: list[Row]) -> Refused:
    """Return the refusal of all stages as that of the one that it means."""
    names = [row.get("name", "") for row in rows]
    if not rows or {one.field for one in refusal.errors} != {ROWS}:
        return refusal
    place = {"members_without_stage": f"{len(rows) - 1}.share"}.get(refusal.code, "")
    if refusal.code == "stage_without_targets":
        number = next(
            (n for n, name in enumerate(names) if refusal.detail.startswith(f"Stage {name} finds")), None
        )
        place = "" if number is None else f"{number}.{'select' if rows[number].get('select') else 'share'}"
    twice = [n for n, name in enumerate(names) if name in names[:n]]
    if refusal.code == "stages_invalid" and twice:
        place = f"{twice[0]}.name"
    field = f"{ROWS}.{place}" if place else ROWS
    return Refused(refusal.code, refusal.detail, field=field, status=refusal.status)


def _stage(row: Row, where: str, known: Mapping[str, Any]) -> dict[str, Any]:
    stage: dict[str, Any] = {"name": row.get("name", ""), "share": row.get("share") or REST}
    if not 1 <= len(stage["name"]) <= LONGEST_NAME:
        raise Refused(
            "stages_invalid", f"A stage has a name of 1 to {LONGEST_NAME} characters.", field=f"{where}.name"
        )
    for key in ("max_concurrency", "max_failures"):
        if row.get(key):
            stage[key] = row[key]
    if row.get("deadline_hours"):
        stage["deadline_hours"] = _number(row["deadline_hours"], f"{where}.deadline_hours")
    if row.get("select"):
        _at(f"{where}.select", lambda: parse_selector(row["select"], known))
        stage["select"] = row["select"]
    for key, side, kind, setting in GATES:
        if text := row.get(key, ""):
            value: Any = text if kind == "scheduled_start" else _number(text, f"{where}.{key}")
            check = partial(gate_of(kind).check, {setting: value}, utcnow())
            _at(f"{where}.{key}", check)
            stage.setdefault(side, []).append({"kind": kind, setting: value})
    groups = [
        _group(line, f"{where}.groups", known) for line in row.get("groups", "").splitlines() if line.strip()
    ]
    return {**stage, **({"groups": groups} if groups else {})}


def _group(line: str, where: str, known: Mapping[str, Any]) -> dict[str, Any]:
    parts = [part.strip() for part in line.split(":")]
    if len(parts) not in {3, 4} or not all(parts):  # name, selector, limit, and perhaps a budget
        raise Refused(
            "stages_invalid",
            "Write a group as name: selector: at once, such as large: plan=aws: 2, and how many may fail as a fourth part.",
            field=where,
        )
    _at(where, lambda: parse_selector(parts[1], known))
    keys = ("name", "select", "max_concurrency", "max_failures")
    return dict(zip(keys, parts, strict=False))


def _at(field: str, check: Callable[[], Any]) -> None:
    """Let a refusal stand at this field."""
    try:
        check()
    except Refused as refusal:
        raise Refused(refusal.code, refusal.detail, field=field, status=refusal.status) from refusal


def _number(text: str, where: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise Refused("number_invalid", "Write a number.", field=where) from error
    if not abs(value) < 1e9:  # noqa: PLR2004 - also refuses what is no number
        raise Refused("number_invalid", "That number is out of bounds.", field=where)
    return value
