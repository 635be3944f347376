"""What was found, as a table for people, or as JSON or YAML for scripts."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import yaml
from rich.console import Console
from rich.table import Table
from rich.text import Text

STYLES = {
    "ready": "green",
    "succeeded": "green",
    "completed": "green",
    "passed": "green",
    "failed": "red",
    "halted": "red",
    "left_behind": "red",
    "aborted": "red",
    "suspended": "dim",
    "cancelled": "dim",
    "paused": "yellow",
    "waiting": "yellow",
    "blocked": "yellow",
}
MOMENT = re.compile(
    r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\.\d+(Z|[+-]\d\d:\d\d)"
)  # RFC 3339, finer than people need
MINUTE, HOUR, DAY = 60, 3600, 86400


class Output(StrEnum):
    """How it is written."""

    TABLE = "table"
    JSON = "json"
    YAML = "yaml"


Column = tuple[str, str]  # its heading, and where the value is: "status.phase"


def told() -> Console:
    """Return where people are spoken to beside the results: standard error."""
    return Console(stderr=True, highlight=False)


def show(data: Any, output: Output, columns: Sequence[Column] = (), *, empty: str = "Nothing found.") -> None:
    """Print rows, or one thing as pairs; a person is told in words that there is nothing."""
    if output is Output.JSON:
        sys.stdout.write(json.dumps(data, indent=2, ensure_ascii=False) + "\n")
    elif output is Output.YAML:
        sys.stdout.write(yaml.safe_dump(data, sort_keys=False, allow_unicode=True))
    elif isinstance(data, Mapping):
        _pairs(data, columns)
    elif data:
        _rows(data, columns)
    else:
        told().print(empty, style="dim")


def _console() -> Console:
    """Return a console that never cuts what a pipe gets."""
    return Console(highlight=False, width=None if sys.stdout.isatty() else 10_000)


def _rows(rows: Sequence[Mapping[str, Any]], columns: Sequence[Column]) -> None:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for heading, _ in columns:
        table.add_column(heading.upper(), overflow="fold")
    for row in rows:
        table.add_row(*(cell(value_at(row, path)) for _, path in columns))
    _console().print(table)


def _pairs(data: Mapping[str, Any], columns: Sequence[Column]) -> None:
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for heading, path in columns:
        value = value_at(data, path)
        if value not in (None, "", [], {}):
            table.add_row(heading, cell(value))
    _console().print(table)


def value_at(data: Any, path: str) -> Any:
    """Return what stands at a dotted path, or None."""
    for part in path.split("."):
        if not isinstance(data, Mapping):
            return None
        data = data.get(part)
    return data


def cell(value: Any) -> Text:
    """Return a value as people read it, moments to the second; a state has its colour beside its word."""
    if isinstance(value, Mapping):
        words = ", ".join(f"{key}={one}" for key, one in value.items())
    elif isinstance(value, list):
        words = ", ".join(str(one) for one in value)
    elif isinstance(value, bool):
        words = "yes" if value else "no"
    else:
        words = "" if value is None else str(value)
    words = MOMENT.sub(r"\1\2", words)
    return Text(words, style=STYLES.get(words, ""))


def age(moment: str | None, now: datetime | None = None) -> str:
    """Return how long ago an RFC 3339 moment was, in its two largest units: 3d4h."""
    if not moment:
        return ""
    seconds = int(((now or datetime.now(UTC)) - datetime.fromisoformat(moment)).total_seconds())
    if seconds < 0:
        return "in " + _span(-seconds)
    return _span(seconds)


def _span(seconds: int) -> str:
    if seconds >= DAY:
        return f"{seconds // DAY}d{seconds % DAY // HOUR}h"
    if seconds >= HOUR:
        return f"{seconds // HOUR}h{seconds % HOUR // MINUTE}m"
    return f"{seconds // MINUTE}m{seconds % MINUTE}s" if seconds >= MINUTE else f"{seconds}s"
