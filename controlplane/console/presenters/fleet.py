"""How healthy the fleet is, as the landscapes last reported it: a bar with words."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.console.presenters.badges import Badge
from controlplane.console.presenters.rollouts import NARROWEST, PICTURE_WIDTH, Part

# By the landscape's situation; what needs a look first. An empty one was not seen yet.
HEALTH: Mapping[str, Badge] = {
    "failed": Badge("Given up by the landscape", "exclamation-triangle", "bad"),
    "unhealthy": Badge("Unhealthy", "exclamation-triangle", "bad"),
    "absent": Badge("Without a cluster", "question-mark-circle", "wait"),
    "": Badge("Not seen yet", "clock", "empty"),
    "changing": Badge("Changing", "arrow-path", "busy"),
    "ready": Badge("Healthy", "check-circle", "ok"),
}


def health_parts(counts: Mapping[str, int]) -> list[Part]:
    """The parts of the bar side by side, filling its width; none is too narrow to be seen."""
    present = [(key, badge, counts[key]) for key, badge in HEALTH.items() if counts.get(key)]
    total, free = sum(number for *_, number in present), PICTURE_WIDTH - NARROWEST * len(present)
    found, x = list[Part](), 0
    for place, (key, badge, number) in enumerate(present, start=1):
        width = PICTURE_WIDTH - x if place == len(present) else NARROWEST + round(free * number / total)
        found.append(Part(key, badge.text.lower(), badge.tone, number, x, width))
        x += width
    return found
