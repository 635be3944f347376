"""Where an operation stands in the queue, for people who wait."""

from __future__ import annotations

from django.db import connection

from provisioner.operations import reading
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot, State

FARTHEST = 1000  # places are counted up to here: behind that, a number says no more than "many"


def place_in_queue(operation: Operation) -> int | None:
    """Return how many due operations go before this one, at most FARTHEST; None when it is not in the queue."""
    if operation.slot != Slot.ACTIVE or operation.state != State.QUEUED:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            reading.PLACES_BEFORE, {"share": operation.share, "due_at": operation.due_at, "most": FARTHEST}
        )
        return int(cursor.fetchone()[0])
