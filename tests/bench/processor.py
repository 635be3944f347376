"""How long a process has worked, wherever the benchmarks run."""

from __future__ import annotations

from pathlib import Path

import psutil


def worked_seconds(pid: int) -> float:
    """Return the processor time of a process of one thread, in seconds: to the nanosecond on Linux, elsewhere as it is told."""
    try:
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    except FileNotFoundError:
        used = psutil.Process(pid).cpu_times()
        return float(used.user + used.system)
