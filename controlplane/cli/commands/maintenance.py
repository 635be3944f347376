"""When upgrades may begin, and how long they are put off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

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
# Of one runtime, with its tenant's, its plan's and everybody's.
HELD_WINDOWS = (("id", "id"), *WINDOWS[4:], ("comes from", "where"))
HELD_EXCLUSIONS = (("id", "id"), *EXCLUSIONS[4:], ("comes from", "where"))
COUNTED = (("counts from", "begins_at"), ("to", "ends_at"), ("what", "what"))


def maintenance(
    runtime: Annotated[
        str,
        typer.Option(
            help="What holds for this one: its name, account/name or id.", autocompletion=completing.runtimes
        ),
    ] = "",
    tenant: OfTenant = "",
    output: AsOutput = Output.TABLE,
) -> None:
    """Say when upgrades may begin, what counts of what puts them off, and how much is left."""
    server = api()
    query = {"tenant": tenant, "runtime": the_runtime(server, runtime, tenant)["id"] if runtime else ""}
    first = server.get("maintenance-windows", query)
    found = {
        "windows": list(server.every("maintenance-windows", query)),
        "exclusions": list(server.every("maintenance-exclusions", query)),
        "deferral": first["deferral"],
        "holds": first["holds"],
    }
    if output is not Output.TABLE:
        show(found, output)
        return
    _show_what_holds(found)
    deferral = found["deferral"]
    if deferral is None:
        return
    show(deferral["counted"], output, COUNTED, empty="Nothing counts.")
    told().print(f"{deferral['words']} {deferral['rule']}", soft_wrap=True)


def _show_what_holds(found: Mapping[str, Any]) -> None:
    holds = found["holds"]
    if holds is None:
        none = "No windows here: upgrades may begin at any time, unless a plan's or everybody's hold; --runtime says so."
        show(found["windows"], Output.TABLE, WINDOWS, empty=none)
        show(found["exclusions"], Output.TABLE, EXCLUSIONS, empty="No exclusions here.")
        return
    excluded = " but while it is excluded" if holds["exclusions"] else ""
    none = f"No windows hold for it: upgrades may begin at any time{excluded}."
    show(holds["windows"], Output.TABLE, HELD_WINDOWS, empty=none)
    show(holds["exclusions"], Output.TABLE, HELD_EXCLUSIONS, empty="No exclusions.")
