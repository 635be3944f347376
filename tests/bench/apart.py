"""Measures in a process of its own, which begins with settings and memory that nobody has touched."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any


def measured_apart(module: str, *, seconds: int) -> list[dict[str, Any]]:
    """Run a benchmark's `main`, which prints its entries as the last line; raises RuntimeError with its last words."""
    done = subprocess.run(
        [sys.executable, "-m", module], capture_output=True, text=True, timeout=seconds, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{module} ended badly:\n{done.stderr[-3000:]}")
    found: list[dict[str, Any]] = json.loads(done.stdout.splitlines()[-1])
    return found
