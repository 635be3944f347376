"""Operations: what is under way, why it waits, and what can be done about it."""

from __future__ import annotations

from typing import Annotated

import typer

from controlplane.cli.options import AsOutput, Limit, OfTenant, Reason, api
from controlplane.cli.printing import Output, age, cell, show, told
from controlplane.cli.watching import operation_to_its_end

app = typer.Typer(help="Durable work on runtimes.", no_args_is_help=True)
Id = Annotated[str, typer.Argument(metavar="OPERATION", help="Its id.")]

COLUMNS = (
    ("id", "id"),
    ("kind", "kind"),
    ("runtime", "runtime.name"),
    ("tenant", "tenant"),
    ("state", "state"),
    ("progress", "progress"),
    ("step", "step"),
    ("age", "age"),
    ("reason", "why"),
)
WHOLE = (
    *COLUMNS[:6],
    ("requested by", "requested_by"),
    ("landscape", "landscape"),
    ("reason", "why"),
    ("due", "due_at"),
    ("deadline", "deadline"),
    ("created", "created_at"),
    ("finished", "finished_at"),
)
STEPS = (
    ("step", "title"),
    ("state", "state"),
    ("started", "started_at"),
    ("finished", "finished_at"),
    ("attempts", "tries"),
)


@app.command("list")
def list_operations(
    state: Annotated[list[str] | None, typer.Option(help="Only these states.")] = None,
    kind: Annotated[list[str] | None, typer.Option(help="Only these kinds.")] = None,
    runtime: Annotated[str, typer.Option(help="Only of this runtime's id.")] = "",
    tenant: OfTenant = "",
    limit: Limit = 50,
    output: AsOutput = Output.TABLE,
) -> None:
    """List operations, newest first."""
    query = {"state": state, "kind": kind, "runtime": runtime, "tenant": tenant}
    rows = list(api().every("operations", query, limit=limit))
    show([_readable(row) for row in rows] if output is Output.TABLE else rows, output, COLUMNS)


@app.command()
def get(operation: Id, output: AsOutput = Output.TABLE) -> None:
    """Show an operation with its steps."""
    row = api().get(f"operations/{operation}")
    if output is not Output.TABLE:
        show(row, output)
        return
    show(_readable(row), output, WHOLE)
    show([{**step, "tries": len(step["attempts"])} for step in row["steps"]], output, STEPS)


@app.command()
def watch(operation: Id) -> None:
    """Follow an operation to its end."""
    operation_to_its_end(api(), operation)


@app.command()
def pause(operation: Id, reason: Reason = "") -> None:
    """Stop it before its next step."""
    _control(operation, "pause", reason)


@app.command()
def resume(operation: Id, reason: Reason = "") -> None:
    """Let a paused one go on."""
    _control(operation, "resume", reason)


@app.command()
def retry(operation: Id, reason: Reason = "") -> None:
    """Try a failed one again from the step that failed."""
    _control(operation, "retry", reason)


@app.command()
def cancel(operation: Id, reason: Reason = "") -> None:
    """Give it up; what was half built is removed or left as it says."""
    _control(operation, "cancel", reason)


def _control(operation: str, verb: str, reason: str) -> None:
    row = api().post(f"operations/{operation}/{verb}", {"reason": reason} if reason else {})
    told().print("Operation", operation, "is", cell(row["state"]))


def _readable(row: dict[str, object]) -> dict[str, object]:
    error = row["error"]
    why = error["message"] if isinstance(error, dict) else row["reason"]
    return {**row, "age": age(str(row["created_at"])), "progress": f"{row['progress']} %", "why": why}
