"""What is offered at this moment: places, regions."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.db import connection

from controlplane.catalog.facts import load_plan_facts
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices
from controlplane.trials import queries
from controlplane.trials.models import Capacity


def capacity() -> Capacity:
    """Return the row that says how much is offered, made from the settings at first use."""
    row = Capacity.objects.filter(pk=1).first()
    if row is None:
        made = Capacity(id=1, places=settings.TRIAL_PLACES)
        Capacity.objects.bulk_create([made], ignore_conflicts=True)
        row = Capacity.objects.get(pk=1)
    return row


def open_regions() -> list[tuple[str, str]]:
    """Return name and title of each region that takes trials."""
    closed = set(capacity().closed_regions)
    regions = load_plan_facts(settings.TRIAL_PLAN).regions
    return [(region.name, region.display_name) for region in regions if region.name not in closed]


def check_region(region: str) -> None:
    """Raise Refused trials_closed, region_closed or region_unknown when no trial can be asked for there."""
    if not capacity().is_open:
        detail = "Trials are closed at the moment; try again another day, or write to us."
        raise Refused("trials_closed", detail, status=403)
    check_open(region)


def check_open(region: str) -> None:
    """Raise Refused region_closed or region_unknown when no trial can begin there."""
    names = [name for name, _title in open_regions()]
    if region in names:
        return
    known = any(entry.name == region for entry in load_plan_facts(settings.TRIAL_PLAN).regions)
    code, lead = (
        ("region_closed", "takes no trials now") if known else ("region_unknown", "is no region of trials")
    )
    raise Refused(code, f"“{region[:64]}” {lead}. {choices(names, region[:64])}", field="region")


def lock_places() -> int:
    """Return how many places are free for newcomers, and keep it so until the transaction's end.

    None is free for them while others wait. Raises nothing: too many taken is none free.
    """
    capacity()
    free, somebody_waits = lock_free_places()
    return 0 if somebody_waits else free


def lock_free_places() -> tuple[int, bool]:
    """Return the free places, and whether somebody waits, with the capacity locked until the transaction's end."""
    with connection.cursor() as cursor:
        cursor.execute(queries.LOCK_CAPACITY)
        places = cursor.fetchone()[0]
        cursor.execute(
            queries.COUNT_TAKEN
        )  # a statement of its own: it must see what others committed before
        taken, somebody_waits = cursor.fetchone()
    return max(0, places - taken), somebody_waits


def position_of(trial_id: UUID) -> int:
    """Return which number in the queue a waiting trial has, from 1."""
    with connection.cursor() as cursor:
        cursor.execute(queries.POSITION, {"id": trial_id})
        return int(cursor.fetchone()[0])


def closed(regions: Sequence[str]) -> list[str]:
    """Return these of the plan's regions, in its order."""
    return [
        entry.name for entry in load_plan_facts(settings.TRIAL_PLAN).regions if entry.name in set(regions)
    ]


def known_regions() -> list[tuple[str, str]]:
    """Return name and title of each region of the trial plan, closed ones too."""
    return [(region.name, region.display_name) for region in load_plan_facts(settings.TRIAL_PLAN).regions]
