"""When upgrades may begin, and how long they are put off."""

from __future__ import annotations

from typing import Annotated

import typer

from controlplane.cli import completing
from controlplane.cli.options import AsOutput, OfTenant, api, the_runtime
from controlplane.cli.printing import Output, show, told

WINDOWS = (
    ("id", "id"),
    ("tenant", "tenant"),
    ("plan", "plan"),
    ("runtime", "runtime.name"),
    ("days", "days"),
    ("from", "begin"),
    ("to", "end"),
    ("time zone", "time_zone"),
)
EXCLUSIONS = (
    ("id", "id"),
    ("tenant", "tenant"),
    ("plan", "plan"),
    ("runtime", "runtime.name"),
    ("from", "begins_at"),
    ("to", "ends_at"),
    ("reason", "reason"),
)
COUNTED = (("counts from", "begins_at"), ("to", "ends_at"), ("what", "what"))


def maintenance(
    runtime: Annotated[
        str,
        typer.Option(
            help="Only of this one: its name, account/name or id.", autocompletion=completing.runtimes
        ),
    ] = "",
    tenant: OfTenant = "",
    output: AsOutput = Output.TABLE,
) -> None:
    """Say when upgrades may begin, what counts of what puts them off, and how much is left."""
    server = api()
    query = {"tenant": tenant, "runtime": the_runtime(server, runtime, tenant)["id"] if runtime else ""}
    found = {
        "windows": list(server.every("maintenance-windows", query)),
        "exclusions": list(server.every("maintenance-exclusions", query)),
        "deferral": server.get("maintenance-windows", query)["deferral"],
    }
    if output is not Output.TABLE:
        show(found, output)
        return
    show(found["windows"], output, WINDOWS, empty="No windows: upgrades may begin at any time.")
    show(found["exclusions"], output, EXCLUSIONS, empty="No exclusions.")
    deferral = found["deferral"]
    if deferral is None:
        return
    show(deferral["counted"], output, COUNTED, empty="Nothing counts.")
    told().print(f"{deferral['words']} {deferral['rule']}", soft_wrap=True)
