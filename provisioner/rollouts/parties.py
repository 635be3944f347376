"""Who of a rollout under way waits for the same windows: read in one statement, and none where nobody has any."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts import reading_queries
from provisioner.rollouts.calendars import Calendar, May, Party, always, fewer, from_on
from provisioner.rollouts.schedules import Schedules

NOBODY = UUID(int=0)  # a runtime without windows or exclusions of its own
MOST = 500  # of a stage, whose windows are told apart


def parties_of(rollout_id: UUID, now: datetime, *, ignores_windows: bool) -> Mapping[int, Sequence[Party]]:
    """Return, by their stage's row, those who have not begun and may not begin at any time: for windows, or for a notice."""
    held = rows(reading_queries.ANYBODY_HELD, {"rollout": rollout_id, "now": now})[0]
    if not held["by_notice"] and (ignores_windows or not held["by_windows"]):
        return {}
    found = rows(reading_queries.PARTIES, {"rollout": rollout_id, "now": now, "nobody": NOBODY})
    schedules = Schedules({}, {}) if ignores_windows else Schedules.of(found, now)
    calendars: dict[Any, May] = {}
    parties = defaultdict[int, dict[May, int]](lambda: defaultdict(int))
    for row in found:
        rules = schedules.rules_for(row)
        may = calendars.setdefault(rules, Calendar(*rules, now) if any(rules) else always)
        if row["told"] is not None and row["told"] > now:
            begin = (row["told"] - now).total_seconds()
            may = calendars.setdefault((rules, begin), from_on(begin, may))
        if may is not always:
            parties[row["stage"]][may] += row["members"]
    return {
        stage: fewer([Party(members, may) for may, members in ones.items()], MOST)
        for stage, ones in parties.items()
    }
