"""Whether a runtime ever became all that somebody wished."""

from __future__ import annotations

from uuid import UUID

from provisioner.operations.models import Operation
from provisioner.operations.moves import State
from provisioner.runtimes.phases import Kind


def was_whole(runtime_id: UUID) -> bool:
    """Whether a wish came true to its end: people can use a runtime before that, and what is left may still fail.

    To rest and to be removed are no such wishes. Rides on operation_of_runtime.
    """
    done = Operation.objects.filter(runtime=runtime_id, state=State.SUCCEEDED)
    return bool(done.exclude(kind__in=(Kind.SUSPEND, Kind.DEPROVISION)).exists())
