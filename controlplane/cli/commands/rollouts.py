"""Rollouts: plan, start, watch, hold and steer them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from controlplane.cli import completing
from controlplane.cli.options import AsOutput, Limit, Reason, Watch, Yes, api, sure, the_rollout
from controlplane.cli.previews import interval, show_preview
from controlplane.cli.printing import Output, show, told
from controlplane.cli.problems import CliProblem, Status
from controlplane.cli.watching import rollout_to_its_end, waiting_gates, what_it_waits_for

app = typer.Typer(help="Bring one release to many runtimes.", no_args_is_help=True)
Named = Annotated[
    str, typer.Argument(metavar="ROLLOUT", help="Its name or id.", autocompletion=completing.rollouts)
]
Release = Annotated[str, typer.Option(help="The release to bring.", autocompletion=completing.releases)]
Selector = Annotated[str, typer.Option(help="Whom: plan=aws region!=eu-west-1 cohort=10%; or all")]
PlanFile = Annotated[
    Path | None,
    typer.Option("--plan", "-p", help="Stages, gates and limits as YAML; safe defaults unless told."),
]
Why = Annotated[str, typer.Option("--reason", "-r", help="Why, for the audit trail.")]
Urgent = Annotated[bool, typer.Option("--urgent", help="Before every other one.")]
Overlap = Annotated[
    bool,
    typer.Option("--overlap", help="Also runtimes of other rollouts: each waits until the other is done."),
]

COLUMNS = (
    ("name", "name"),
    ("release", "release"),
    ("state", "state"),
    ("progress", "percent"),
    ("targets", "counts.total"),
    ("failed", "counts.failed"),
    ("started", "started_at"),
    ("reason", "reason"),
)
WHOLE = (
    *COLUMNS[:3],
    ("id", "id"),
    ("selector", "selector"),
    ("progress", "percent"),
    ("reason", "reason"),
    ("counts", "counts"),
    ("finish", "ends"),
    ("bound by", "finish.bound_by"),
    ("created by", "created_by"),
    ("started", "started_at"),
    ("closed", "closed_at"),
    ("finished", "finished_at"),
)
STAGES = (
    ("stage", "name"),
    ("state", "state"),
    ("progress", "percent"),
    ("targets", "counts.total"),
    ("running", "counts.running"),
    ("failed", "counts.failed"),
    ("at once", "max_concurrency"),
    ("may fail", "max_failures"),
    ("gates", "gate_words"),
)
ERRORS = (
    ("count", "count"),
    ("error", "signature"),
    ("first", "first_at"),
    ("last", "last_at"),
    ("message", "message"),
)
REASONS = (("count", "count"), ("state", "state"), ("why not done, for example", "reason"))


@app.command("list")
def list_rollouts(
    state: Annotated[str, typer.Option(help="Only this state.")] = "",
    limit: Limit = 50,
    output: AsOutput = Output.TABLE,
) -> None:
    """List rollouts, newest first."""
    rows = list(api().every("rollouts", {"state": state}, limit=limit))
    show([_readable(row) for row in rows] if output is Output.TABLE else rows, output, COLUMNS)


@app.command()
def get(rollout: Named, output: AsOutput = Output.TABLE) -> None:
    """Show a rollout: its stages, its errors by cause, and why others are not done."""
    _show(the_rollout(api(), rollout), output)


@app.command()
def plan(
    release: Release,
    selector: Selector,
    file: PlanFile = None,
    urgent: Urgent = False,
    overlap: Overlap = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Say what a rollout would do, and change nothing."""
    body = _wish(release, selector, file, urgent=urgent, overlap=overlap)
    show_preview(api().post("rollouts/preview", body), output)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="What to call it.")],
    release: Release,
    selector: Selector,
    file: PlanFile = None,
    urgent: Urgent = False,
    overlap: Overlap = False,
    priority: Annotated[
        int, typer.Option(help="-100 to 100; of rollouts that want the same, the higher goes first.")
    ] = 0,
    output: AsOutput = Output.TABLE,
) -> None:
    """Write a rollout down; `start` begins it."""
    wish = _wish(release, selector, file, urgent=urgent, overlap=overlap)
    _show(api().post("rollouts", {"name": name, **wish, "priority": priority}), output)


@app.command()
def start(rollout: Named, yes: Yes = False, watch: Watch = False, output: AsOutput = Output.TABLE) -> None:
    """Freeze its targets and begin."""
    server = api()
    row = the_rollout(server, rollout)
    sure(
        f"Bring release {row['release']} to the runtimes of “{row['selector'] or 'the whole fleet'}”?",
        yes=yes,
    )
    row = server.post(f"rollouts/{row['id']}/start")
    if watch:
        rollout_to_its_end(server, row["id"])
    _show(server.get(f"rollouts/{row['id']}"), output)


@app.command("watch")
def watch_rollout(rollout: Named) -> None:
    """Follow it until it ends or waits for somebody."""
    server = api()
    row = the_rollout(server, rollout)
    if row["state"] == "draft":
        detail = (
            f"Rollout {row['name']} is a draft: nothing happens before `nesoi rollouts start {row['name']}`."
        )
        raise CliProblem(detail, Status.IN_THE_WAY)
    for line in what_it_waits_for(rollout_to_its_end(server, row["id"])):
        told().print(line, soft_wrap=True)


@app.command()
def pause(rollout: Named, reason: Why) -> None:
    """Begin nothing new; what runs may end."""
    _move(rollout, "pause", reason)


@app.command()
def resume(
    rollout: Named,
    reason: Reason = "",
    accept_failures: Annotated[
        bool, typer.Option("--accept-failures", help="Take the failures so far out of the budget.")
    ] = False,
) -> None:
    """Let a paused or halted one go on."""
    _move(rollout, "resume", reason, accept_failures=accept_failures)


@app.command()
def abort(rollout: Named, reason: Why, yes: Yes = False) -> None:
    """Give it up: what runs may end, the rest is left behind."""
    sure("Abort it for good?", yes=yes)
    _move(rollout, "abort", reason)


@app.command()
def close(rollout: Named, reason: Why, yes: Yes = False) -> None:
    """Complete it with what is done: what runs may end, the rest is left behind."""
    sure("Close it with what is done?", yes=yes)
    _move(rollout, "close", reason)


@app.command()
def approve(
    rollout: Named,
    gate: Annotated[str, typer.Option(help="Its id; the one that waits unless told.")] = "",
    note: Annotated[str, typer.Option(help="For the audit trail.")] = "",
) -> None:
    """Approve a gate that waits."""
    server = api()
    row = the_rollout(server, rollout)
    waiting = [str(one["id"]) for one in waiting_gates(row)]
    if not gate and len(waiting) != 1:
        detail = f"{len(waiting)} gates of {row['name']} wait for approval: {', '.join(waiting) or 'none'}. Name one with --gate."
        raise CliProblem(detail, Status.IN_THE_WAY)
    server.post(f"rollouts/{row['id']}/gates/{gate or waiting[0]}/approve", {"note": note} if note else {})
    told().print(f"Gate {gate or waiting[0]} of {row['name']} is approved.")


def _move(named: str, verb: str, reason: str, *, accept_failures: bool = False) -> None:
    server = api()
    body = {"reason": reason, "accept_failures": accept_failures}
    row = server.post(
        f"rollouts/{the_rollout(server, named)['id']}/{verb}",
        {key: value for key, value in body.items() if value},
    )
    closing = verb == "close" and row["state"] == "running"
    told().print(f"Rollout {row['name']} is {'being closed' if closing else row['state']}.")


def _wish(release: str, selector: str, file: Path | None, *, urgent: bool, overlap: bool) -> dict[str, Any]:
    return {
        "release": release,
        "selector": selector,
        "plan": _plan(file),
        "urgent": urgent,
        "overlap": overlap,
    }


def _plan(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise CliProblem(f"{file} can't be read as YAML ({type(fault).__name__}).") from fault
    if not isinstance(content, dict):
        raise CliProblem(f"{file} must hold a plan: stages, max_concurrency, max_failures …")
    return content


def _readable(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "percent": f"{row['progress']} %"}


def _show(row: Mapping[str, Any], output: Output) -> None:
    if output is not Output.TABLE:
        show(row, output)
        return
    finish = row["finish"] if row["state"] == "running" else None  # what stands still has none to tell
    show({**_readable(row), "finish": finish, "ends": interval(finish)}, output, WHOLE)
    stages = [
        {
            **_readable(stage),
            "gate_words": [f"{one['kind']} {one['where']} it {one['state']}" for one in stage["gates"]],
        }
        for stage in row["stages"]
    ]
    show(stages, output, STAGES, empty="No stages yet: its targets are frozen when it starts.")
    if row["errors"]:
        show(row["errors"], output, ERRORS)
    if others := [one for one in row["reasons"] if one["reason"]]:  # those at work need none
        show(others, output, REASONS)
