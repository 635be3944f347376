"""Upgrades of many runtimes are ordered together: each as if it had been ordered alone, in as many statements as for one."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.catalog.facts import snapshot
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.lifecycle.upgrade import Start, upgrade_runtimes
from provisioner.operations import transport
from provisioner.operations.models import Operation
from provisioner.operations.services import open_operation
from provisioner.rollouts.models import Target
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from tests.rolling_out import NEW, fleet, no_gates, states
from tests.world import World

pytestmark = pytest.mark.django_db


def ordered(runtimes: list[Runtime], **wish: Any) -> list[Operation | Refused]:
    return upgrade_runtimes(actor=SYSTEM, starts=[Start(one.pk, NEW, **wish) for one in runtimes])


def code_of(answer: Operation | Refused) -> str:
    return answer.code if isinstance(answer, Refused) else answer.slot or answer.state


def test_fifty_take_as_many_statements_as_five(world: World) -> None:
    snapshot()  # the catalog is read once in a while
    taken = []
    for count, account in ((5, world.shop), (50, world.main)):
        runtimes = fleet(account, [world.landscape], count)
        with CaptureQueriesContext(connection) as seen:
            ordered(runtimes)
        taken.append(len(seen))
    assert taken[0] == taken[1] <= 10, taken


def test_each_has_its_wish_its_operation_its_audit_row_and_its_message(
    world: World, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(transport._announcer, "announce", sent.append)
    runtimes = fleet(world.shop, [world.landscape], 3) + fleet(world.main, [world.landscape], 2)
    with django_capture_on_commit_callbacks(execute=True):
        answers = ordered(runtimes)
    for runtime, answer in zip(runtimes, answers, strict=True):
        assert isinstance(answer, Operation)
        row = Operation.objects.get(pk=answer.pk)
        before = (runtime.generation, runtime.revision)
        runtime.refresh_from_db()
        assert (runtime.generation, runtime.revision) == (before[0] + 1, before[1] + 1)
        assert (row.runtime_id, row.tenant_id, row.landscape_id) == (
            runtime.pk, runtime.tenant_id, runtime.landscape_id
        )  # fmt: skip
        assert (row.kind, row.state, row.slot, row.generation) == (
            "upgrade",
            "queued",
            "active",
            before[0] + 1,
        )
        assert row.input["before"]["key"] == runtime.spec["release"]["key"]
        assert [hop["key"] for hop in row.input["hops"]] == [NEW]
        told = AuditEvent.objects.get(action="runtime.upgrade", target_id=str(runtime.pk))
        assert (told.tenant_id, told.actor) == (runtime.tenant_id, "system")
        assert told.changes["release"] == {"before": "2026.9.1", "after": NEW}
    assert sent == [answer.pk for answer in answers if isinstance(answer, Operation)]
    shares = [Operation.objects.get(runtime=one).share for one in runtimes]
    assert shares[:3] == [
        shares[0],
        shares[0] + 1,
        shares[0] + 2,
    ]  # behind one another, not in front of others
    assert shares[3] == shares[0]


def test_what_keeps_one_back_keeps_no_other(world: World) -> None:
    fine, resting, busy, same, gone, unbuilt, behind = fleet(world.shop, [world.landscape], 7)
    Runtime.objects.filter(pk=resting.pk).update(suspended_for=["wish"])
    Runtime.objects.filter(pk=gone.pk).delete()
    Runtime.objects.filter(pk=unbuilt.pk).update(first_ready_at=None)
    for one in (busy, behind):
        open_operation(actor=SYSTEM, runtime=one, kind=Kind.UPDATE)
    [under_way] = ordered([same])
    starts = [
        Start(one.pk, NEW, urgent=one is behind) for one in (fine, resting, busy, same, gone, unbuilt, behind)
    ]
    answers = upgrade_runtimes(actor=SYSTEM, starts=starts)
    assert [code_of(one) for one in answers] == [
        "active", "runtime_not_upgradable", "runtime_busy", "active", "runtime_not_found", "runtime_not_upgradable", "next",
    ]  # fmt: skip
    assert isinstance(answers[3], Operation)
    assert isinstance(under_way, Operation)
    assert answers[3].pk == under_way.pk
    for one in (resting, busy, unbuilt):
        assert Runtime.objects.get(pk=one.pk).generation == one.generation
        assert not AuditEvent.objects.filter(action="runtime.upgrade", target_id=str(one.pk)).exists()
    assert AuditEvent.objects.filter(action="runtime.upgrade", target_id=str(same.pk)).count() == 1


def test_others_runtimes_are_not_there_and_a_viewers_are_not_upgraded(world: World) -> None:
    [mine], [theirs] = fleet(world.shop, [world.landscape], 1), fleet(world.main, [world.landscape], 1)
    starts = [Start(mine.pk, NEW), Start(theirs.pk, NEW)]
    assert [code_of(one) for one in upgrade_runtimes(actor=world.vera.actor, starts=starts)] == [
        "forbidden", "runtime_not_found",
    ]  # fmt: skip
    assert [code_of(one) for one in upgrade_runtimes(actor=world.alice.actor, starts=starts)] == [
        "active", "runtime_not_found",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="twice"):
        ordered([mine, mine])


@pytest.mark.parametrize(
    ("kind", "state", "begun", "builds"),
    [
        ("update", "failed", True, True),
        ("update", "succeeded", True, False),
        ("suspend", "succeeded", True, True),
        ("update", "cancelled", False, True),
    ],
)
def test_what_an_operation_was_to_build_and_did_not_the_upgrade_may_build(
    world: World, kind: str, state: str, begun: bool, builds: bool
) -> None:
    [runtime] = fleet(world.shop, [world.landscape], 1)
    last = open_operation(actor=SYSTEM, runtime=runtime, kind=Kind(kind), input={"rebuild": True})
    given_up = {"state": "cancelled", "slot": None, "finished_at": last.created_at}
    at = last.created_at if begun else None
    Operation.objects.filter(pk=last.pk).update(**{**given_up, "state": state, "started_at": at})
    idle = open_operation(actor=SYSTEM, runtime=runtime, kind=Kind.UPDATE)
    Operation.objects.filter(pk=idle.pk).update(**given_up, input={})  # given up before it began: looked past
    [answer] = ordered([runtime])
    assert isinstance(answer, Operation)
    assert answer.input.get("rebuild", False) is builds


def test_a_rollout_starts_through_the_door_and_what_it_refuses_goes_back_with_its_words(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 8)
    rollout = create_rollout(
        actor=world.sam.actor,
        name="m",
        release=NEW,
        selector="all",
        plan=no_gates("rest", max_concurrency="100%"),
    )
    start_rollout(actor=world.sam.actor, rollout_id=rollout.id)
    tick(most_starts=0)
    Runtime.objects.filter(pk=runtimes[2].pk).update(pinned="2026.9.1")
    assert tick().started == 7
    assert states(rollout) == {"running": 7, "blocked": 1}
    blocked = Target.objects.get(rollout=rollout, state="blocked")
    assert (blocked.runtime_id, blocked.reason_code, blocked.operation_id) == (
        runtimes[2].pk, "runtime_pinned", None,
    )  # fmt: skip
    for target in Target.objects.filter(rollout=rollout, state="running"):
        [operation] = Operation.objects.filter(runtime=target.runtime_id, slot="active")
        assert (operation.pk, operation.input["target_id"]) == (target.operation_id, str(target.pk))


def test_a_door_that_breaks_on_one_blocks_that_one_only(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from provisioner.rollouts import ports

    runtimes = fleet(world.shop, [world.landscape], 4)
    rollout = create_rollout(
        actor=world.sam.actor,
        name="m",
        release=NEW,
        selector="all",
        plan=no_gates("rest", max_concurrency="100%"),
    )
    start_rollout(actor=world.sam.actor, rollout_id=rollout.id)

    def breaks(starts: Any) -> Any:
        if any(start.runtime_id == runtimes[1].pk for start in starts):
            raise KeyError("cluster_spec")
        return ports.through_the_door(starts)

    monkeypatch.setattr(ports, "begin", breaks)
    tick()
    assert states(rollout) == {"running": 3, "blocked": 1}
    assert Target.objects.get(rollout=rollout, state="blocked").reason_code == "door_broke"
