"""Releases and the channels that point to them."""

from __future__ import annotations

from typing import Annotated

import typer

from controlplane.cli.options import AsOutput, api
from controlplane.cli.printing import Output, show

app = typer.Typer(help="Releases and channels.", no_args_is_help=True)
COLUMNS = (
    ("release", "key"),
    ("kubernetes", "kubernetes_version"),
    ("published", "published_at"),
    ("end of life", "end_of_life"),
    ("withdrawn", "withdrawn"),
    ("channels", "channels"),
)
WHOLE = (
    *COLUMNS,
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
def get(release: Annotated[str, typer.Argument(help="Its key.")], output: AsOutput = Output.TABLE) -> None:
    """Show one release."""
    show(api().get(f"releases/{release}"), output, WHOLE)


@app.command()
def channels(output: AsOutput = Output.TABLE) -> None:
    """Say where each channel points."""
    show(api().get("channels")["results"], output, (("channel", "key"), ("release", "release")))
