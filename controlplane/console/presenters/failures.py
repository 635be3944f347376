"""How a rollout's failures look: by cause, where and when, whose they are to mend, and what helps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from urllib.parse import urlencode

from controlplane.console.charts.drawing import Drawing
from controlplane.console.charts.heat import Strip, heat
from controlplane.kernel.errors import Audience
from provisioner.drivers.shoots.faults import MEANINGS
from provisioner.operations.timeline import step_title
from provisioner.rollouts.reading import Failures
from provisioner.runtimes.phases import Kind

MOST_COLUMNS, MOST_CAUSES = 24, 8
# What a column may last, in minutes.
LASTS = (1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720, 1440, 2880, 10080)


def cause_words(signature: str) -> tuple[str, str]:
    """Return an error's code, and the step that it came in for people."""
    code, _, step = signature.partition("@")
    return code, step_title(Kind.UPGRADE, step) if step else ""


def whose(signature: str) -> str:
    """Say that a cause is its tenants' to mend; empty for the platform's own."""
    meaning = MEANINGS.get(cause_words(signature)[0])
    tenants = meaning is not None and meaning.audience is Audience.TENANT
    return "Its tenants' to mend: it does not count against the budget." if tenants else ""


def column_minutes(began: datetime, ended: datetime) -> int:
    """Return how long a column lasts, so that there are few, and the same few until another one begins."""
    span = (ended - began) / timedelta(minutes=1)
    return next((lasts for lasts in LASTS if span / lasts < MOST_COLUMNS), LASTS[-1])


def failure_heat(
    failures: Sequence[Failures],
    *,
    began: datetime,
    ended: datetime,
    minutes: int,
    stages: Mapping[int, str],
    list_url: str,
) -> Drawing | None:
    """Draw the failures that stand by their cause over the rollout's time; None without one."""
    if not failures:
        return None
    last = max(*(one.piece for one in failures), int((ended - began) / timedelta(minutes=minutes)))
    moments = [began + timedelta(minutes=minutes * place) for place in range(last + 1)]
    columns = [f"{moment:%d %b %H:%M}" for moment in moments]
    causes = Counter[str]()
    for one in failures:
        causes[one.signature] += one.targets
    strips = [
        _strip(code, failures, len(columns), stages, list_url) for code, _ in causes.most_common(MOST_CAUSES)
    ]
    ends = columns[0], f"{moments[-1] + timedelta(minutes=minutes):%d %b %H:%M} UTC"
    return heat(title="Failures by cause over time", columns=columns, strips=strips, ends=ends)


def _strip(
    signature: str, failures: Sequence[Failures], columns: int, stages: Mapping[int, str], list_url: str
) -> Strip:
    cells, places = [0] * columns, Counter[int]()
    for one in failures:
        if one.signature == signature:
            cells[one.piece] += one.targets
            places[one.stage] += one.targets
    code, step = cause_words(signature)
    note = ", ".join(f"{places[stage]} in {stages.get(stage, stage)}" for stage in sorted(places))
    told = f"{step}: {note}" if step else note
    return Strip(code or "unknown", cells, f"{list_url}?{urlencode({'signature': signature})}", told)
