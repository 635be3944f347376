"""Bring runtimes to a release: over as many hops as it takes, one at a time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.audit.writing import Entry, record_each
from controlplane.tenants.suspension import refuse_suspended
from provisioner.lifecycle import queries
from provisioner.lifecycle.admission import locked_runtimes
from provisioner.lifecycle.release import as_json
from provisioner.lifecycle.upgrade_way import (
    blockers_of,
    hops_to,
    refuse_blocked,
    release_named,
    release_of_channel,
)
from provisioner.operations.models import Operation
from provisioner.operations.moves import Slot
from provisioner.operations.opening import open_operation
from provisioner.operations.opening_many import Wish, open_operations
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind


@dataclass(frozen=True)
class Start:
    """One runtime that is to be brought to a release: its channel's, unless one is named.

    `target_id` is the rollout's target, kept in the operation's input. `urgent` goes behind what is under way instead of being
    refused, and past a pin; the platform's to say. `revision` is the newest that the asker knows (None: any).
    """

    runtime_id: UUID
    release: str = ""
    target_id: UUID | None = None
    urgent: bool = False
    revision: int | None = None


@dataclass(frozen=True)
class _Begun:
    """One start that nothing keeps back so far."""

    start: Start
    runtime: Runtime
    wanted: ReleaseFacts
    hops: Sequence[ReleaseFacts]
    behind: bool  # whether something is under way that it waits for

    @property
    def given(self) -> dict[str, Any]:
        """The operation's input."""
        return {
            "release": self.wanted.key,
            "before": self.runtime.spec["release"],
            "hops": [as_json(hop) for hop in self.hops],
            "phase": self.runtime.phase,
            "target_id": str(self.start.target_id) if self.start.target_id else None,
            "urgent": self.start.urgent,
        }


def upgrade_runtime(
    *,
    actor: Actor,
    runtime_id: UUID,
    release: str = "",
    target_id: UUID | None = None,
    urgent: bool = False,
    expected_revision: int | None = None,
) -> Operation:
    """Return the operation that brings the runtime to a release, or the one that does already: see `Start`.

    Raises Refused: runtime_not_found 404, forbidden 403, release_unknown 422, stale_revision 412, and 409 runtime_busy,
    runtime_pinned, runtime_not_upgradable, plan_unsupported, upgrade_blocked, or as `plan_hops` does.
    """
    start = Start(runtime_id, release, target_id, urgent, expected_revision)
    [answer] = upgrade_runtimes(actor=actor, starts=[start])
    if isinstance(answer, Refused):
        raise answer
    return answer


@transaction.atomic
def upgrade_runtimes(*, actor: Actor, starts: Sequence[Start]) -> list[Operation | Refused]:
    """Return for each start, in their order, its operation or why there is none; each runtime is named once.

    What is refused leaves nothing behind, and the rest stands. A dozen statements, however many starts there are; those behind
    an operation under way take some of their own.
    """
    by_runtime = {start.runtime_id: start for start in starts}
    if len(by_runtime) < len(starts):
        raise ValueError("a runtime is named twice")
    catalog = snapshot()
    answers: dict[UUID, Operation | Refused] = {}
    begun: list[_Begun] = []
    found = locked_runtimes(
        actor=actor,
        permission=Permission.UPGRADE,
        revisions={start.runtime_id: start.revision for start in starts},
    )
    open_now = _open_operations(found)
    for key, start in by_runtime.items():
        try:
            answer = _judged(start, found[key], open_now.get(key, {}), catalog)
        except Refused as refused:
            answers[key] = refused
            continue
        if isinstance(answer, Operation):
            answers[key] = answer
        else:
            begun.append(answer)
    answers |= _begin(actor, _unblocked(begun, answers))
    return [answers[start.runtime_id] for start in starts]


def _judged(
    start: Start, runtime: Runtime | Refused, open_now: Mapping[str, Operation], catalog: Snapshot
) -> _Begun | Operation:
    """Return what is to begin, or the operation that does it already; raises Refused."""
    if isinstance(runtime, Refused):
        raise runtime
    refuse_suspended(runtime.tenant, runtime.account)
    wanted = release_named(start.release or release_of_channel(runtime, catalog), catalog)
    if (under_way := _under_way(runtime, wanted, open_now, urgent=start.urgent)) is not None:
        return under_way
    hops = hops_to(runtime, wanted, pinned=not start.urgent, catalog=catalog)
    return _Begun(start, runtime, wanted, hops, behind=bool(open_now))


def _unblocked(begun: Iterable[_Begun], answers: dict[UUID, Operation | Refused]) -> list[_Begun]:
    """Return those that nothing found beforehand keeps back; the others get their answer."""
    by_release: dict[str, list[_Begun]] = defaultdict(list)
    for one in begun:
        by_release[one.wanted.key].append(one)
    free = []
    for group in by_release.values():
        blockers = blockers_of([one.runtime.pk for one in group], group[0].wanted)
        for one in group:
            try:
                refuse_blocked(blockers.get(one.runtime.pk, ()))
            except Refused as refused:
                answers[one.runtime.pk] = refused
            else:
                free.append(one)
    return free


def _begin(actor: Actor, begun: Sequence[_Begun]) -> dict[UUID, Operation | Refused]:
    """Write each one's newer wish, its operation and its audit row."""
    if not begun:
        return {}
    rows = {one.runtime.pk: one.runtime for one in begun}
    with connection.cursor() as cursor:
        cursor.execute(queries.NEWER_WISHES, {"ids": list(rows)})
        for key, generation, revision in cursor.fetchall():
            rows[key].generation, rows[key].revision = generation, revision
    fresh = [one for one in begun if not one.behind]
    operations = open_operations(
        actor=actor, kind=Kind.UPGRADE, wishes=[Wish(one.runtime, one.given) for one in fresh]
    )
    made: dict[UUID, Operation | Refused] = {one.runtime_id: one for one in operations}
    for one in begun:
        if one.behind:
            made[one.runtime.pk] = open_operation(
                actor=actor, runtime=one.runtime, kind=Kind.UPGRADE, input=one.given
            )
    record_each("runtime.upgrade", actor=actor, target_type="runtime", entries=[_entry(one) for one in begun])
    return made


def _entry(one: _Begun) -> Entry:
    given = one.given
    changes = {
        "name": one.runtime.name,
        "release": {"before": given["before"]["key"], "after": given["release"]},
        "hops": [hop.key for hop in one.hops],
        **({"rollout_target": given["target_id"]} if given["target_id"] else {}),
    }
    return Entry(one.runtime.tenant_id, one.runtime.pk, changes)


def _open_operations(found: Mapping[UUID, Runtime | Refused]) -> dict[UUID, dict[str, Operation]]:
    """Return the open operations of those that were found, by runtime and slot, locked until commit."""
    keys = [key for key, one in found.items() if not isinstance(one, Refused)]
    rows = Operation.objects.select_for_update(no_key=True).filter(runtime__in=keys, slot__isnull=False)
    open_now: dict[UUID, dict[str, Operation]] = defaultdict(dict)
    for operation in rows.order_by("id"):
        open_now[operation.runtime_id][operation.slot] = operation
    return open_now


def _under_way(
    runtime: Runtime, wanted: ReleaseFacts, open_now: Mapping[str, Operation], *, urgent: bool
) -> Operation | None:
    """Return the open operation that brings it there; raises Refused 409 (runtime_busy) while another one is open."""
    for operation in open_now.values():
        if operation.kind == Kind.UPGRADE and operation.input.get("release") == wanted.key:
            operation.runtime = runtime
            return operation
    if not open_now or (urgent and Slot.NEXT not in open_now):
        if any(operation.kind == Kind.DEPROVISION for operation in open_now.values()):
            detail = f"{runtime.name} is being deleted and can't be changed any more."
            raise Refused("runtime_deprovisioning", detail, status=409)
        return None
    busy = next(iter(open_now.values()))
    detail = f"Runtime {runtime.name} is busy: its {busy.kind} is {busy.state}. Wait until that has ended, or cancel it."
    raise Refused("runtime_busy", detail, status=409)
