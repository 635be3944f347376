"""The fleet as a whole: its versions, who is left behind, what the platform takes, and one press that stops all rollouts."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from controlplane.cli import completing
from controlplane.cli.options import AsOutput, Limit, OfTenant, Yes, api, sure, the_runtime
from controlplane.cli.printing import Output, show, told

app = typer.Typer(help="All runtimes together.", no_args_is_help=True)
Why = Annotated[str, typer.Option("--reason", "-r", help="Why, for the audit trail.")]

VERSIONS = (
    ("release", "release"),
    ("kubernetes", "kubernetes"),
    ("runtimes", "runtimes"),
    ("age in days", "age_days"),
    ("end of life", "end_of_life"),
    ("newest", "newest"),
)
LEFT = (("runtime", "runtime.name"), ("tenant", "tenant"), ("release", "release"), ("reason", "reason"),
        ("owner", "waiver.owner"), ("waived until", "waiver.expires_at"))  # fmt: skip
COMPONENTS = (
    ("component", "component"),
    ("runtimes", "runtimes"),
    ("cores", "requested.cores"),
    ("gib", "requested.gib"),
    ("per month", "requested.monthly"),
    ("used cores", "used.cores"),
    ("growth %", "growth_percent"),
)


@app.command()
def report(limit: Limit = 20, output: AsOutput = Output.TABLE) -> None:
    """Say which releases run, who is left behind and why, and what the platform's own parts take."""
    server = api()
    found = {
        "versions": server.get("fleet/versions")["results"],
        "left_behind": list(server.every("fleet/left-behind", limit=limit)),
        "components": server.get("fleet/footprint")["results"][: limit or None],
    }
    if output is not Output.TABLE:
        show(found, output)
        return
    show(found["versions"], output, VERSIONS, empty="No runtimes yet.")
    show(found["left_behind"], output, LEFT, empty="Nobody is left behind.")
    show(found["components"], output, COMPONENTS, empty="Nothing was measured yet.")


@app.command()
def waive(
    runtime: Annotated[
        str,
        typer.Argument(
            metavar="RUNTIME", help="Its name, account/name or id.", autocompletion=completing.runtimes
        ),
    ],
    owner: Annotated[str, typer.Option(help="Who answers for it, for example an address.")],
    until: Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="Its last day, such as 2027-01-31.")],
    reason: Why,
    tenant: OfTenant = "",
) -> None:
    """Let a runtime stay behind in somebody's name; it takes the place of an earlier waiver."""
    server = api()
    row = the_runtime(server, runtime, tenant)
    body = {
        "runtime": row["id"],
        "owner": owner,
        "reason": reason,
        "expires_at": f"{until:%Y-%m-%d}T23:59:59Z",
    }
    made = server.post("fleet/waivers", body)
    told().print(f"{made['owner']} answers for {row['name']} until the end of {until:%Y-%m-%d}.")


@app.command()
def stop(reason: Why, yes: Yes = False) -> None:
    """Stop every rollout at once: nothing new begins until `release-stop` and a resume of each."""
    sure("Stop every rollout of the fleet?", yes=yes)
    api().post("fleet/emergency-stop", {"reason": reason})
    told().print("Stopped: no rollout begins anything. `nesoi fleet release-stop` lets them be resumed.")


@app.command("release-stop")
def release_stop() -> None:
    """Let rollouts be resumed behind an emergency stop, one by one."""
    api().delete("fleet/emergency-stop")
    told().print("Released: resume each rollout that is to go on.")
