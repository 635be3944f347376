"""Releases and the channels that point to them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from controlplane.cli import completing
from controlplane.cli.options import AsOutput, Yes, api, sure
from controlplane.cli.printing import Output, show, told

app = typer.Typer(help="Releases and channels.", no_args_is_help=True)
Key = Annotated[str, typer.Argument(help="Its key.", autocompletion=completing.releases)]
COLUMNS = (
    ("release", "key"),
    ("state", "state"),
    ("kubernetes", "kubernetes_version"),
    ("published", "published_at"),
    ("end of life", "end_of_life"),
    ("channels", "channels"),
)
WHOLE = (
    *COLUMNS,
    ("withdrawn", "withdrawn"),
    ("machine image", "image"),
    ("notes", "notes"),
    ("known issues", "known_issues"),
    ("requires", "requires"),
    ("modules", "modules"),
)


@app.command("list")
def list_releases(output: AsOutput = Output.TABLE) -> None:
    """List releases, newest first."""
    show(api().get("releases")["results"], output, COLUMNS)


@app.command()
def get(release: Key, output: AsOutput = Output.TABLE) -> None:
    """Show one release."""
    _show(api().get(f"releases/{release}"), output)


@app.command()
def channels(output: AsOutput = Output.TABLE) -> None:
    """Say where each channel points."""
    show(api().get("channels")["results"], output, (("channel", "key"), ("release", "release")))


@app.command()
def publish(release: Key, yes: Yes = False, output: AsOutput = Output.TABLE) -> None:
    """Publish a draft: from then on it never changes. Nobody is upgraded by this alone."""
    sure(f"Publish release {release}? It never changes after that.", yes=yes)
    row = api().post(f"releases/{release}/publish")
    told().print(f"Release {row['key']} is published; `nesoi releases point` lets a channel lead to it.")
    _show(row, output)


@app.command()
def withdraw(
    release: Key,
    reason: Annotated[
        str, typer.Option("--reason", "-r", help="One sentence; everybody who runs it reads this.")
    ],
    yes: Yes = False,
    output: AsOutput = Output.TABLE,
) -> None:
    """Bring nobody to a release any more; who runs it stays."""
    sure(f"Withdraw release {release}? This can't be taken back.", yes=yes)
    row = api().post(f"releases/{release}/withdraw", {"reason": reason})
    told().print(f"Release {row['key']} is withdrawn.")
    _show(row, output)


@app.command()
def point(
    channel: Annotated[str, typer.Argument(help="The channel's key.")],
    release: Annotated[
        str, typer.Argument(help="Where it points from now on.", autocompletion=completing.releases)
    ],
    yes: Yes = False,
) -> None:
    """Point a channel at a release. Rollouts bring its runtimes there: nobody is upgraded by this alone."""
    server = api()
    before = server.get(f"channels/{channel}")["release"]
    if before == release:
        told().print(f"Channel {channel} points to release {release} already.")
        return
    sure(f"Point channel {channel} from release {before} to {release}?", yes=yes)
    server.patch(f"channels/{channel}", {"release": release})
    plan = f"nesoi rollouts plan --release {release} --selector channel={channel}"
    told().print(
        f"Channel {channel} points to release {release}. `{plan}` says whom a rollout would bring there."
    )


def _show(row: Mapping[str, Any], output: Output) -> None:
    image = row["machine_image"]
    named = {**row, "image": f"{image['name']} {image['version']}"} if output is Output.TABLE else row
    show(named, output, WHOLE)
