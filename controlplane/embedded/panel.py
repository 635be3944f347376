"""What is printed when the stack is ready: where to go, who to be, what to try."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

_FILLING = (
    "About 60 runtimes of three tenants are being requested and built right now: watch them come.\n"
    "Then 45 days of their usage are brought in, the newest first; the lines that begin with “usage” say how far it is."
)
_NOT_FILLING = "What you request is there again at the next start."


def print_panel(console: Console, access: Path, *, seconds: float, stop_with: str, filling: bool) -> None:
    """Print the demo's access, read from `demo.json`; `filling` when its runtimes are requested now."""
    demo = json.loads(access.read_text())
    people = Table(box=None, padding=(0, 2, 0, 0), header_style="dim")
    for column in ("sign in as", "password", "who that is"):
        people.add_column(column, no_wrap=True)
    for person in demo.get("console", []):
        people.add_row(person["username"], person["password"], person["role"])
    garden = _short(demo["landscape_kubeconfig"])
    parts: list[RenderableType] = [
        Text.assemble("Open  ", (demo["url"], "bold underline")),
        Text(),
        people,
        Text(),
        Text("Try"),
        Text("  request a runtime and watch its steps; then fetch its kubeconfig and use kubectl"),
        Text(f"  the REST API: {demo['url']}/api/v1/docs (tokens are in {_short(access)})"),
        Text(f"  the landscape behind it: kubectl --kubeconfig {garden} get shoots -A"),
        Text(),
        Text(_FILLING if filling else _NOT_FILLING, style="dim"),
        Text(f"{stop_with} ends it all.", style="dim"),
    ]
    title = f"Nesoi is ready ({seconds:.1f} s)"
    panel = Panel(
        Group(*parts), title=title, title_align="left", box=box.ROUNDED, padding=(1, 2), expand=False
    )
    console.print(panel, soft_wrap=False)


def _short(path: Any) -> str:
    try:
        return str(Path(path).relative_to(Path.cwd()))
    except ValueError:
        return str(path)
