"""A rollout's runtimes: list them, try them again, leave them out, put them in front."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from controlplane.cli.commands.rollouts import Named
from controlplane.cli.options import AsOutput, Limit, Reason, api, the_rollout
from controlplane.cli.printing import Output, show, told

Target = Annotated[
    list[str] | None, typer.Option(help="Ids of targets, as `nesoi rollouts targets` lists them.")
]
Signature = Annotated[
    str, typer.Option(help="Failures of this cause: a code and its step, or the code alone.")
]
State = Annotated[str, typer.Option(help="Those in this state: blocked, waiting, failed …")]
Because = Annotated[
    str, typer.Option("--because", help="Those with this reason's code: window, upgrade_blocked …")
]

DONE = {"retry": "tried again", "skip": "skipped", "prioritise": "put in front"}
COLUMNS = (
    ("runtime", "runtime.name"),
    ("tenant", "tenant"),
    ("stage", "stage"),
    ("state", "state"),
    ("tries", "attempts"),
    ("because", "reason.code"),
    ("why", "reason.words"),
    ("id", "id"),
)


def add_to(app: typer.Typer) -> None:
    """Add these commands to those about rollouts."""
    for command in (targets, retry, skip, prioritise):
        app.command()(command)


def targets(
    rollout: Named,
    state: State = "",
    because: Because = "",
    signature: Signature = "",
    limit: Limit = 50,
    output: AsOutput = Output.TABLE,
) -> None:
    """List its runtimes in their order, each with why it is not done."""
    server = api()
    row = the_rollout(server, rollout)
    query = {"state": state, "reason": because, "signature": signature}
    found = server.every(
        f"rollouts/{row['id']}/targets", {key: value for key, value in query.items() if value}, limit=limit
    )
    show(list(found), output, COLUMNS, empty="No target fits.")


def retry(
    rollout: Named,
    target: Target = None,
    signature: Signature = "",
    state: State = "",
    because: Because = "",
    reason: Reason = "",
) -> None:
    """Try failed ones again, or those that you choose, under the same snapshot."""
    usual = "" if target or signature or because else "failed"
    _steer(rollout, "retry", _chosen(target, signature, state or usual, because), reason)


def skip(
    rollout: Named,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why they need not be done.")],
    target: Target = None,
    signature: Signature = "",
    state: State = "",
    because: Because = "",
) -> None:
    """Leave targets out."""
    _steer(rollout, "skip", _chosen(target, signature, state, because), reason)


def prioritise(
    rollout: Named,
    target: Target = None,
    state: State = "",
    because: Because = "",
    reason: Reason = "",
) -> None:
    """Put targets in front of their stage."""
    _steer(rollout, "prioritise", _chosen(target, "", state, because), reason)


def _chosen(target: list[str] | None, signature: str, state: str, because: str) -> dict[str, Any]:
    return {"targets": target or [], "signature": signature, "state": state, "reason_code": because}


def _steer(named: str, verb: str, choice: Mapping[str, Any], reason: str) -> None:
    server = api()
    row = the_rollout(server, named)
    body = {key: value for key, value in {**choice, "reason": reason}.items() if value}
    answer = server.post(f"rollouts/{row['id']}/{verb}", body)
    count = answer["count"]
    told().print(
        f"{count} target{'' if count == 1 else 's'} of {row['name']} {'is' if count == 1 else 'are'} {DONE[verb]}."
    )
