"""Runtimes: list, order, watch, kubeconfig, upgrade, remove."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer
import yaml

from controlplane.cli import completing
from controlplane.cli.options import AsOutput, Limit, OfTenant, Watch, Yes, api, sure, the_runtime
from controlplane.cli.printing import Output, age, show, told
from controlplane.cli.problems import CliProblem
from controlplane.cli.watching import operation_to_its_end

app = typer.Typer(help="Managed Kubernetes clusters.", no_args_is_help=True)
Named = Annotated[
    str,
    typer.Argument(
        metavar="RUNTIME", help="Its name, account/name or id.", autocompletion=completing.runtimes
    ),
]

COLUMNS = (
    ("name", "name"),
    ("account", "account"),
    ("plan", "plan"),
    ("region", "region"),
    ("phase", "status.phase"),
    ("kubernetes", "status.kubernetes_version"),
    ("release", "spec.release"),
    ("age", "age"),
    ("under way", "under_way"),
)
WHOLE = (
    *COLUMNS[:6],
    ("id", "id"),
    ("tenant", "tenant"),
    ("release", "spec.release"),
    ("channel", "spec.channel"),
    ("message", "status.message"),
    ("api", "status.api_endpoint"),
    ("labels", "labels"),
    ("created", "created_at"),
    ("seen", "status.observed_at"),
    ("under way", "under_way"),
)


@app.command("list")
def list_runtimes(
    phase: Annotated[list[str] | None, typer.Option(help="Only these phases.")] = None,
    plan: Annotated[list[str] | None, typer.Option(help="Only these plans.")] = None,
    region: Annotated[list[str] | None, typer.Option(help="Only these regions.")] = None,
    account: Annotated[list[str] | None, typer.Option(help="Only these accounts.")] = None,
    label: Annotated[list[str] | None, typer.Option(help="key=value; all must be there.")] = None,
    search: Annotated[
        str, typer.Option("--search", "-s", help="A part of name, account, region or plan.")
    ] = "",
    deleted: Annotated[bool, typer.Option(help="Those too that are gone.")] = False,
    tenant: OfTenant = "",
    limit: Limit = 100,
    output: AsOutput = Output.TABLE,
) -> None:
    """List runtimes."""
    query = {
        "phase": phase, "plan": plan, "region": region, "account": account, "label": label,
        "q": search, "deleted": "true" if deleted else "", "tenant": tenant,
    }  # fmt: skip
    rows = list(api().every("runtimes", query, limit=limit))
    if output is Output.TABLE and limit and len(rows) == limit:
        told().print(f"The newest {limit}; --limit 0 shows all.", style="dim")
    show([_readable(row) if output is Output.TABLE else row for row in rows], output, COLUMNS)


@app.command()
def get(runtime: Named, tenant: OfTenant = "", output: AsOutput = Output.TABLE) -> None:
    """Show one runtime."""
    row = the_runtime(api(), runtime, tenant)
    show(_readable(row) if output is Output.TABLE else row, output, WHOLE)


@app.command()
def create(
    name: Annotated[str, typer.Argument(help="Lower-case letters, digits and dashes.")],
    account: Annotated[str, typer.Option(help="The account that gets it.")],
    plan: Annotated[str, typer.Option(help="What to order.")],
    set_: Annotated[
        list[str] | None, typer.Option("--set", help="parameter=value, the value as YAML: autoScalerMax=6")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Parameters as YAML or JSON; - reads standard input.")
    ] = None,
    label: Annotated[list[str] | None, typer.Option(help="key=value")] = None,
    tenant: OfTenant = "",
    watch: Watch = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Order a runtime."""
    body: dict[str, Any] = {
        "account": account,
        "name": name,
        "plan": plan,
        "parameters": {**_from_file(file), **_settings(set_ or [])},
        "labels": {key: str(value) for key, value in _pairs(label or []).items()},
    }
    if tenant:
        body["tenant"] = tenant
    server = api()
    _begun(server, server.post("runtimes", body), watch=watch, output=output)


@app.command()
def delete(
    runtime: Named,
    tenant: OfTenant = "",
    yes: Yes = False,
    watch: Watch = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Remove a runtime and everything in it."""
    server = api()
    row = the_runtime(server, runtime, tenant)
    sure(f"Remove {row['account']}/{row['name']} of {row['tenant']} and everything in it?", yes=yes)
    _begun(server, server.delete(f"runtimes/{row['id']}"), watch=watch, output=output)


@app.command()
def upgrade(
    runtime: Named,
    release: Annotated[str, typer.Option(help="A release; the channel's unless told.")] = "",
    tenant: OfTenant = "",
    watch: Watch = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Upgrade a runtime now."""
    server = api()
    row = the_runtime(server, runtime, tenant)
    answer = server.post(f"runtimes/{row['id']}/upgrade", {"release": release} if release else {})
    _begun(server, answer, watch=watch, output=output)


@app.command("watch")
def watch_runtime(runtime: Named, tenant: OfTenant = "") -> None:
    """Follow what is under way on a runtime, to its end."""
    server = api()
    row = the_runtime(server, runtime, tenant)
    if not row["operation"]:
        told().print(f"{row['name']} is {row['status']['phase']}; nothing is under way.")
        return
    operation_to_its_end(server, row["operation"]["id"])


@app.command()
def kubeconfig(
    runtime: Named,
    role: Annotated[str, typer.Option(help="admin, edit or view.")] = "admin",
    ttl: Annotated[int, typer.Option(help="Seconds until it expires.", min=600, max=86400)] = 3600,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", help="Write it there, for its owner only.")
    ] = None,
    tenant: OfTenant = "",
) -> None:
    """Get a short-lived kubeconfig: nesoi runtimes kubeconfig NAME -f kc.yaml && kubectl --kubeconfig kc.yaml get nodes"""
    server = api()
    row = the_runtime(server, runtime, tenant)
    minted = server.post(f"runtimes/{row['id']}/kubeconfig", {"role": role, "ttl_seconds": ttl})
    if file is None:
        sys.stdout.write(minted["kubeconfig"])
        return
    try:
        with os.fdopen(
            os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as opened:
            os.fchmod(opened.fileno(), 0o600)
            opened.write(minted["kubeconfig"])
    except OSError as fault:
        raise CliProblem(f"{file} can't be written: {fault.strerror}.") from fault
    told().print(f"{file} opens {row['name']} as {role} until {minted['expires_at']}.")


def _begun(server: Any, answer: dict[str, Any], *, watch: bool, output: Output) -> None:
    operation = answer["operation"]
    if output is not Output.TABLE:
        show(answer, output)
    elif operation is None:
        told().print("Nothing needs to be done.")
    else:
        told().print(
            f"{operation['kind']} of {answer['runtime']['name']} has begun: operation {operation['id']}."
        )
    if watch and operation:
        operation_to_its_end(server, operation["id"])


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    under_way = row["operation"]
    words = (
        f"{under_way['kind']} {under_way['progress']} % {under_way['reason']}".strip() if under_way else ""
    )
    return {**row, "age": age(row["created_at"]), "under_way": words}


def _pairs(given: list[str]) -> dict[str, str]:
    wrong = next((one for one in given if "=" not in one), None)
    if wrong is not None:
        raise CliProblem(f"“{wrong}” has no value; write key=value.")
    return dict(one.split("=", 1) for one in given)


def _settings(given: list[str]) -> dict[str, Any]:
    try:
        return {key: yaml.safe_load(value) for key, value in _pairs(given).items()}
    except yaml.YAMLError as fault:
        raise CliProblem("A value of --set is not YAML; put it into quotes.") from fault


def _from_file(file: Path | None) -> dict[str, Any]:
    if file is None:
        return {}
    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text(encoding="utf-8")
        content = json.loads(text) if text.lstrip().startswith("{") else yaml.safe_load(text)
    except (OSError, UnicodeDecodeError) as fault:
        raise CliProblem(f"{file} can't be read ({type(fault).__name__}).") from fault
    except (ValueError, yaml.YAMLError) as fault:
        raise CliProblem(f"{file} is neither YAML nor JSON.") from fault
    if not isinstance(content, dict):
        raise CliProblem(f"{file} must hold parameters by name, as `autoScalerMax: 6`.")
    return content
