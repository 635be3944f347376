"""What a rollout would do, in tables for people."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from controlplane.cli.printing import Output, show

WHOLE = (
    ("release", "release"), ("runtimes", "members"), ("tenants", "tenants"), ("plans", "plans"), ("releases now", "releases"),
    ("at once", "max_concurrency"), ("may fail", "max_failures"), ("wait for a window", "wait_for_windows"),
    ("the last until", "latest"), ("left behind for it", "left"), ("last statements", "money"), ("ends", "ends"),
    ("bound by", "finish.bound_by"),
)  # fmt: skip
STAGES = (
    ("stage", "name"), ("runtimes", "members"), ("tenants", "tenants"), ("at once", "max_concurrency"),
    ("wait for a window", "wait_for_windows"), ("left behind for it", "left_behind"), ("drawn for its window", "sooner"),
    ("may fail", "max_failures"), ("before", "gates_before"), ("after", "gates_after"), ("last statements", "money"),
)  # fmt: skip
# Apart from the numbers: names are long, and terminals are not.
FIRST = (("stage", "name"), ("first", "first"))
INELIGIBLE = (("count", "count"), ("why not", "reason"), ("so it is", "outlook"), ("for example", "names"))


def show_preview(preview: Mapping[str, Any], output: Output) -> None:
    """Print a preview as the API has it."""
    if output is not Output.TABLE:
        show(preview, output)
        return
    latest, left = preview["latest_window"], preview["left_behind"]
    whose = "its window opens" if left == 1 else "their window opens"
    pairs = {
        **preview,
        "ends": interval(preview["finish"]),
        "money": _money(preview["revenue"]),
        "latest": f"{latest[:16]}Z" if latest else "",
        "left": f"{left}: {whose} behind the deadline" if left else 0,
    }
    show(pairs, output, WHOLE)
    show([{**stage, "money": _money(stage["revenue"])} for stage in preview["stages"]], output, STAGES)
    show(preview["stages"], output, FIRST)
    if preview["ineligible"]:
        found = [
            {**one, "outlook": "for now" if one["passing"] else "left behind"}
            for one in preview["ineligible"]
        ]
        show(found, output, INELIGIBLE)


def interval(finish: Mapping[str, Any] | None) -> str:
    """Return when it ends, as far as is known."""
    if not finish:
        return ""
    low, likely, high = (finish[name][:16] + "Z" for name in ("low", "likely", "high"))
    return likely if low == high else f"{likely} (between {low} and {high})"


def _money(sums: list[Mapping[str, str]]) -> str:
    return ", ".join(f"{Decimal(one['amount']):.2f} {one['currency']}" for one in sums)
