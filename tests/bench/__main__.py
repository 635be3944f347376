"""`make bench`: run every benchmark of this folder, or those that ONLY names, print a table and write `.nesoi/bench.json`.

A benchmark is a file with `NAMES`, the keys it measures, and `run()`, which returns one entry for each: {"name", "value", "unit",
"goal", "at": "least" or "most", "holds", "detail"}. Each figure is a ratio of one run, so that machines can be compared.
"""

from __future__ import annotations

import json
import os
import platform
import re
import sys
import time
import traceback
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).parent
RESULT = HERE.parents[1] / ".nesoi" / "bench.json"


def main() -> int:
    """Return 0 when every goal holds, 1 when one does not, 2 when ONLY names what nobody measures."""
    console = Console()
    only = {name.strip() for name in os.environ.get("ONLY", "").split(",") if name.strip()}
    modules = benchmarks()
    known = {name for module in modules for name in module.NAMES}
    if only - known:
        console.print(
            f"Nobody measures {', '.join(sorted(only - known))}. Choose from {', '.join(sorted(known))}."
        )
        return 2
    results: list[dict[str, Any]] = []
    for module in modules:
        wanted = [name for name in module.NAMES if not only or name in only]
        if wanted:
            console.print(f"measuring {', '.join(wanted)} …")
            results += [entry for entry in measured(module) if entry["name"] in wanted]
    RESULT.parent.mkdir(mode=0o755, exist_ok=True)
    RESULT.write_text(json.dumps({"machine": machine(), "results": results}, indent=2) + "\n")
    console.print(table(results))
    console.print(f"written to {RESULT}")
    return 0 if all(entry["holds"] for entry in results) else 1


def benchmarks() -> list[ModuleType]:
    """Return the files of this folder that measure something; servers and seeds that lie beside them are not imported."""
    files = [
        file for file in sorted(HERE.glob("*.py")) if re.search(r"^NAMES = ", file.read_text(), re.MULTILINE)
    ]
    return [import_module(f"tests.bench.{file.stem}") for file in files]


def measured(module: ModuleType) -> list[dict[str, Any]]:
    """Return a benchmark's entries; one that breaks holds nothing and says why, and the others still run."""
    began = time.monotonic()
    try:
        entries: list[dict[str, Any]] = module.run()
    except Exception as fault:
        traceback.print_exc()
        broken = {
            "value": None,
            "unit": "",
            "goal": None,
            "at": "",
            "holds": False,
            "detail": {"error": str(fault)},
        }
        return [{"name": name, **broken} for name in module.NAMES]
    for entry in entries:
        entry["detail"] = {**entry["detail"], "took_seconds": round(time.monotonic() - began, 1)}
    return entries


def machine() -> dict[str, Any]:
    """Return what the figures were measured on."""
    return {
        "cpus": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load_before": [round(load, 2) for load in os.getloadavg()],
        "system": platform.platform(),
        "python": platform.python_version(),
    }


def table(results: list[dict[str, Any]]) -> Table:
    """Draw the results for people."""
    drawn = Table("name", "value", "goal", "holds", title="Benchmarks")
    for entry in results:
        goal = f"at {entry['at']} {entry['goal']} {entry['unit']}" if entry["at"] else ""
        value = "none" if entry["value"] is None else f"{entry['value']} {entry['unit']}"
        drawn.add_row(entry["name"], value, goal, "yes" if entry["holds"] else "[red]no[/red]")
    return drawn


if __name__ == "__main__":
    sys.exit(main())
