"""What many commands take, and how they reach the API."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Annotated, Any
from uuid import UUID

import typer

from controlplane.cli import contexts
from controlplane.cli.client import Api
from controlplane.cli.printing import Output
from controlplane.cli.problems import CliProblem, Status

AsOutput = Annotated[Output, typer.Option("--output", "-o", help="How to write the result.")]
OfTenant = Annotated[
    str, typer.Option("--tenant", help="A tenant's slug, for tokens of the platform's team.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]
Limit = Annotated[int, typer.Option("--limit", min=0, help="At most so many; 0 for all.")]
Reason = Annotated[str, typer.Option("--reason", "-r", help="Why, for the audit trail.")]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Follow it to its end.")]

ENDED = frozenset({"completed", "aborted"})  # states of rollouts that nothing moves any more

context_name: ContextVar[str] = ContextVar("context_name", default="")
connect: ContextVar[Callable[[contexts.Place], Api]] = ContextVar("connect", default=Api)


def api() -> Api:
    """Return the API of the chosen context; raises CliProblem."""
    return connect.get()(contexts.chosen(context_name.get()))


def is_id(text: str) -> bool:
    """Say whether a person wrote an id and not a name."""
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def the_runtime(server: Api, named: str, tenant: str = "") -> dict[str, Any]:
    """Return the runtime of that id, name or account/name; raises CliProblem where it is none, or several."""
    if is_id(named):
        return dict(server.get(f"runtimes/{named}"))
    account, _, name = named.rpartition("/")
    query = {"q": name, "account": account, "tenant": tenant}
    found = [row for row in server.every("runtimes", query) if row["name"] == name]
    if not found:
        raise CliProblem(
            f"There is no runtime “{named}”; `nesoi runtimes list` says which there are.", Status.NOT_FOUND
        )
    if len(found) > 1:
        choices = ", ".join(f"{row['account']}/{row['name']} ({row['id']})" for row in found[:5])
        raise CliProblem(
            f"{len(found)} runtimes are called “{named}”: {choices}. Write account/name, or the id."
        )
    return found[0]


def the_rollout(server: Api, named: str) -> dict[str, Any]:
    """Return the rollout of that id or name: of several the one that is open, or else the newest.

    Raises CliProblem where there is none, or several are open.
    """
    if is_id(named):
        return dict(server.get(f"rollouts/{named}"))
    found = [row for row in server.every("rollouts") if row["name"] == named]
    if not found:
        raise CliProblem(
            f"There is no rollout “{named}”; `nesoi rollouts list` says which there are.", Status.NOT_FOUND
        )
    still_open = [row for row in found if row["state"] not in ENDED]
    if len(still_open) > 1:
        choices = ", ".join(f"{row['id']} ({row['state']})" for row in still_open[:5])
        detail = (
            f"{len(still_open)} rollouts that have not ended are called “{named}”: {choices}. Write the id."
        )
        raise CliProblem(detail)
    return dict(server.get(f"rollouts/{(still_open or found)[0]['id']}"))


def sure(question: str, *, yes: bool) -> None:
    """Ask before what can't be taken back; raises CliProblem where nobody is there to answer, or says no."""
    if yes:
        return
    if not sys.stdin.isatty():
        raise CliProblem(f"{question} Nobody is there to answer; add --yes to go on without asking.")
    agreed = typer.confirm(question, err=True)
    if not agreed:
        raise CliProblem("Nothing was done.", Status.FAILED)
