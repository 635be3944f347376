"""Findings are written as they change, keep upgrades back while they block, and are waived by name until a day."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any, cast

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from controlplane.catalog.facts import snapshot
from controlplane.catalog.plans import ReleaseFacts
from controlplane.kernel.errors import Refused, Retry
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.drivers.base import Driver
from provisioner.findings import queries, visiting, writing
from provisioner.findings.models import Check, Finding, FindingWaiver
from provisioner.findings.preflight import blockers
from provisioner.findings.reading import fleet_groups, standing_of
from provisioner.findings.waiving import look_again, revoke_finding_waiver, waive_finding
from provisioner.lifecycle import rounds
from provisioner.lifecycle.ports import Blocker
from provisioner.modules.rendering import in_apply_order, render
from provisioner.operations.models import Operation
from provisioner.runtimes.inside import ObjectRef
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import cluster_from_json
from tests.findings import BREAKING, deployment, unclear, written_in
from tests.modules import Island
from tests.rolling_out import fleet
from tests.signed_in import browse, text
from tests.world import World, landscape, order

pytestmark = pytest.mark.django_db


class Lending:
    """A driver that lends one island, or does not answer."""

    def __init__(self) -> None:
        self.island = Island()
        self.silent = False

    @contextmanager
    def inside(self, *_: Any, **__: Any) -> Iterator[Island]:
        if self.silent:
            raise Retry("The API does not answer.", code="unreachable")
        yield self.island


@pytest.fixture
def lending(monkeypatch: pytest.MonkeyPatch) -> Lending:
    found = Lending()
    monkeypatch.setattr(rounds, "connect", lambda **_: cast("Driver", found))
    return found


@pytest.fixture
def runtime(world: World, lending: Lending) -> Runtime:
    """A runtime that is ready and as the platform made it."""
    landscape("embedded")
    row: Runtime = order(world).runtime
    Operation.objects.filter(runtime=row).update(slot=None, state="succeeded", finished_at=timezone.now())
    Runtime.objects.filter(pk=row.pk).update(phase="ready", observed_generation=row.generation)
    for document in in_apply_order(render(cluster_from_json(row.cluster_spec))):
        lending.island.apply(document)
    assert visiting.enrol() == 1
    assert visiting.enrol() == 0
    row.refresh_from_db()
    return row


def looked() -> None:
    # Long ago, for the database's clock stands still as long as the test lasts.
    Check.objects.update(due_at=timezone.now() - timedelta(hours=1))
    assert visiting.tick() == 1


def broken(island: Island, *keys: str) -> None:
    for key in keys:
        for document in BREAKING[key][0]():
            island.apply(document)


def waived(runtime: Runtime, **more: Any) -> FindingWaiver:
    given: dict[str, Any] = {
        "actor": SYSTEM,
        "runtime_id": runtime.pk,
        "rule": "unmeetable-budgets",
        "owner": "ada@example.com",
        "reason": "moves in December",
        "expires_at": timezone.now() + timedelta(days=3),
    }
    return waive_finding(**{**given, **more})


def test_what_was_found_comes_stays_and_goes_with_the_trouble(runtime: Runtime, lending: Lending) -> None:
    looked()
    assert standing_of(runtime).sights == ()
    broken(lending.island, "foreign-workloads", "unmeetable-budgets")
    looked()
    first = {row.rule: row for row in Finding.objects.all()}
    assert [one.row.rule for one in standing_of(runtime).sights] == [
        "unmeetable-budgets",
        "foreign-workloads",
    ]
    looked()
    assert {row.rule: (row.pk, row.since) for row in Finding.objects.all()} == {
        rule: (row.pk, row.since) for rule, row in first.items()
    }
    for ref in [ref for ref in lending.island.objects if ref.name == "squatter"]:
        del lending.island.objects[ref]
    looked()
    assert list(Finding.objects.values_list("rule", flat=True)) == ["unmeetable-budgets"]
    [group] = fleet_groups(actor=SYSTEM)
    assert (group.key, group.severity, group.runtimes, group.waived) == (
        "unmeetable-budgets",
        "blocking",
        1,
        0,
    )


def test_who_was_ready_long_ago_and_is_not_looked_at_yet_is_found_among_everyone(runtime: Runtime) -> None:
    Check.objects.all().delete()
    Runtime.objects.filter(pk=runtime.pk).update(first_ready_at=timezone.now() - timedelta(days=1))
    assert visiting.enrol() == 0
    assert visiting.enrol(everyone=True) == 1


def test_who_became_ready_is_found_without_a_look_at_the_fleet(runtime: Runtime) -> None:
    sql = queries.ENROL.replace("%(round)s", "'6 hours'").replace("%(most)s", "500")
    long_ago = timezone.now() - timedelta(days=1)
    fleet(runtime.account, [runtime.landscape], 60, first_ready_at=long_ago)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE runtimes_runtime")
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN {sql}")
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "runtime_by_first_ready" in plan, plan


def rounds_left() -> int:
    return round((Check.objects.get().due_at - timezone.now()).total_seconds() / settings.FINDINGS_SECONDS)


def test_where_nothing_is_found_looks_are_ever_rarer_until_something_is(
    runtime: Runtime, lending: Lending
) -> None:
    rounds = []
    for _ in range(4):
        looked()
        rounds.append(rounds_left())
    assert rounds == [1, 2, 4, 4]
    broken(lending.island, "unmeetable-budgets")
    looked()
    assert rounds_left() <= 1
    looked()
    assert rounds_left() == 1  # it stands: somebody may be at it


def test_a_runtime_that_was_changed_is_looked_at_within_a_round_however_quiet_it_was(
    runtime: Runtime,
) -> None:
    for _ in range(3):
        looked()
    assert rounds_left() == 4
    visiting.enrol()
    assert rounds_left() == 4
    Operation.objects.filter(runtime=runtime).update(kind="upgrade")
    visiting.enrol()
    assert Check.objects.get().due_at <= timezone.now() + timedelta(seconds=settings.FINDINGS_SECONDS)


def test_a_runtime_that_does_not_answer_keeps_its_findings_and_is_looked_at_again(
    runtime: Runtime, lending: Lending
) -> None:
    broken(lending.island, "unmeetable-budgets")
    looked()
    lending.silent = True
    looked()
    standing = standing_of(runtime)
    assert len(standing.sights) == 1
    assert "does not answer" in standing.problem
    assert Check.objects.get().due_at < timezone.now() + timedelta(minutes=11)


def test_a_look_that_was_asked_for_is_done_soon_after_what_is_under_way(
    runtime: Runtime, lending: Lending
) -> None:
    looked()
    broken(lending.island, "unmeetable-budgets")
    look_again(actor=SYSTEM, runtime_id=runtime.pk)
    Operation.objects.filter(runtime=runtime).update(slot="active", state="running", finished_at=None)
    assert visiting.tick() == 1
    assert Check.objects.get().due_at <= timezone.now() + writing.ASKED
    Operation.objects.filter(runtime=runtime).update(slot=None, state="succeeded", finished_at=timezone.now())
    looked()
    assert Finding.objects.count() == 1
    assert Check.objects.get().asked_at is None


def test_a_look_that_was_asked_for_during_another_one_is_still_to_come(
    runtime: Runtime, lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = visiting.look_into

    def meanwhile(api: Any, row: Runtime, *more: Any) -> Any:
        seen = looks(api, row, *more)
        look_again(actor=SYSTEM, runtime_id=row.pk)
        return seen

    with monkeypatch.context() as patched:
        patched.setattr(visiting, "look_into", meanwhile)
        looked()
    assert visiting.tick() == 1
    assert visiting.tick() == 0


def test_what_kept_an_upgrade_back_is_seen_to_be_mended_though_its_wish_was_never_fulfilled(
    runtime: Runtime, lending: Lending
) -> None:
    broken(lending.island, "foreign-workloads", "unmeetable-budgets")
    looked()
    assert Finding.objects.count() == 2
    Runtime.objects.filter(pk=runtime.pk).update(generation=runtime.generation + 1)
    for ref in [ref for ref in lending.island.objects if ref.name in {"never", "squatter"}]:
        del lending.island.objects[ref]
    look_again(actor=SYSTEM, runtime_id=runtime.pk)
    assert visiting.tick() == 1
    assert list(Finding.objects.values_list("rule", flat=True)) == ["foreign-workloads"], (
        "it was not looked for"
    )
    Runtime.objects.filter(pk=runtime.pk).update(generation=runtime.generation)
    looked()
    assert not Finding.objects.exists()


def test_nobody_is_told_that_all_is_well_where_only_a_part_was_looked_at(
    world: World, runtime: Runtime, lending: Lending
) -> None:
    broken(lending.island, "foreign-workloads")
    Runtime.objects.filter(pk=runtime.pk).update(generation=runtime.generation + 1)

    def page() -> str:
        return text(browse(world.alice).get(f"/runtimes/{runtime.pk}/"))

    looked()
    assert "foreign-workloads" in standing_of(runtime).partial
    assert "unmeetable-budgets" not in standing_of(runtime).partial
    assert Check.objects.get().quiet == 0
    assert "nothing would stop an upgrade" not in page()
    assert "The last look did not see everything that these rules ask about" in page()
    Runtime.objects.filter(pk=runtime.pk).update(generation=runtime.generation)
    del lending.island.objects[next(ref for ref in lending.island.objects if ref.name == "squatter")]
    looked()
    assert not standing_of(runtime).partial
    assert Check.objects.get().quiet == 1
    assert "nothing would stop an upgrade" in page()


def test_of_a_runtime_that_failed_what_keeps_upgrades_back_is_looked_at_and_seldom_where_it_does_not_answer(
    runtime: Runtime, lending: Lending
) -> None:
    Runtime.objects.filter(pk=runtime.pk).update(phase="failed")
    broken(lending.island, "foreign-workloads", "unmeetable-budgets")
    looked()
    assert list(Finding.objects.values_list("rule", flat=True)) == ["unmeetable-budgets"]
    lending.silent = True
    looked()
    assert Finding.objects.count() == 1
    assert Check.objects.get().due_at > timezone.now() + 2 * rounds.BUSY


def test_nobody_else_is_tried_so_often(runtime: Runtime) -> None:
    Operation.objects.filter(runtime=runtime).update(slot="active", state="running", finished_at=None)
    looked()
    assert Check.objects.get().due_at > timezone.now() + 2 * writing.ASKED


def test_what_breaks_over_one_runtime_keeps_no_other_from_being_looked_at(
    runtime: Runtime, lending: Lending, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(visiting, "look_into", lambda *_: 1 / 0)
        looked()
    assert Check.objects.get().problem == "The look broke: ZeroDivisionError."
    looked()
    assert Check.objects.get().problem == ""


def test_an_odd_object_over_which_one_rule_breaks_takes_nothing_from_the_others(
    runtime: Runtime, lending: Lending, world: World
) -> None:
    broken(lending.island, "removed-apis", "unmeetable-budgets")
    looked()
    odd = deployment("odd", namespace="shop")
    odd["metadata"]["managedFields"] = ["nobody writes this"]
    lending.island.apply(odd)
    broken(lending.island, "missing-requests")
    looked()
    standing = standing_of(runtime)
    assert {one.row.rule for one in standing.sights} == {
        "removed-apis",
        "unmeetable-budgets",
        "missing-requests",
    }, "what it found before stays"
    assert (standing.partial, standing.problem) == (("removed-apis",), "")
    del lending.island.objects[ObjectRef.of(odd)]
    looked()
    assert standing_of(runtime).partial == ()


def test_an_owner_is_kept_as_far_as_its_row_has_room(runtime: Runtime, lending: Lending) -> None:
    silent = unclear("modest")
    owner = {"apiVersion": "v" * 300, "kind": "K" * 70, "name": "till\0" + "n" * 300, "controller": True}
    silent["metadata"]["ownerReferences"] = [owner]
    lending.island.apply(silent)
    looked()
    [row] = Finding.objects.all()
    assert (len(row.api_version), len(row.kind), row.name[:5], len(row.name)) == (253, 63, "tilln", 253)


def test_what_is_not_installed_yet_while_its_operation_goes_on_is_no_finding(
    world: World, lending: Lending
) -> None:
    landscape("embedded")
    row: Runtime = order(world).runtime
    Runtime.objects.filter(pk=row.pk).update(phase="ready", observed_generation=row.generation)
    assert visiting.enrol() == 1
    looked()
    assert not Finding.objects.exists()
    check = Check.objects.get()
    assert check.looked_at is None
    assert check.due_at < timezone.now() + timedelta(minutes=11)
    Operation.objects.filter(runtime=row).update(slot=None, state="succeeded", finished_at=timezone.now())
    looked()
    assert Finding.objects.exists()  # nobody has installed anything


def test_a_blocking_finding_keeps_an_upgrade_back_until_somebody_answers_for_it(
    runtime: Runtime, lending: Lending
) -> None:
    broken(lending.island, "unmeetable-budgets")
    lending.island.apply(written_in("storage.k8s.io/v1beta1"))
    looked()
    release = next(iter(snapshot().every_release.values()))

    def found(release: ReleaseFacts) -> list[Blocker]:
        return list(blockers([runtime.pk], release).get(runtime.pk, ()))

    [blocker] = found(release)
    assert "PodDisruptionBudget shop/never" in blocker.detail
    assert "maxUnavailable: 1" in blocker.detail
    far = replace(release, kubernetes_version="1.37")
    assert len(found(far)) == 2
    waiver = waived(runtime, place="PodDisruptionBudget shop/never")
    assert found(release) == []
    assert {group.waived for group in fleet_groups(actor=SYSTEM) if group.key == "unmeetable-budgets"} == {1}
    FindingWaiver.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert len(found(release)) == 1
    again = waived(runtime)
    assert found(release) == []
    revoke_finding_waiver(actor=SYSTEM, runtime_id=runtime.pk, waiver_id=again.pk)
    assert len(found(release)) == 1
    actions = list(AuditEvent.objects.filter(action__startswith="finding.").values_list("action", flat=True))
    assert sorted(actions) == ["finding.unwaive", "finding.waive", "finding.waive"]
    assert waiver.owner == "ada@example.com"


def test_waivers_need_an_owner_a_reason_a_near_end_and_an_sre(runtime: Runtime, world: World) -> None:
    for wrong, code in (
        ({"owner": " "}, "owner_missing"),
        ({"reason": ""}, "reason_missing"),
        ({"expires_at": timezone.now()}, "expiry_invalid"),
        ({"expires_at": timezone.now() + timedelta(days=181)}, "expiry_invalid"),
        ({"rule": "unmeetable-budget"}, "rule_unknown"),
        ({"actor": world.alice.actor}, "forbidden"),
    ):
        with pytest.raises(Refused) as refused:
            waived(runtime, **wrong)
        assert refused.value.code == code
    assert not FindingWaiver.objects.exists()


def test_a_tenant_has_another_look_taken_once_the_trouble_is_mended(runtime: Runtime, world: World) -> None:
    Check.objects.update(due_at=timezone.now() + timedelta(hours=5))
    look_again(actor=world.alice.actor, runtime_id=runtime.pk)
    assert visiting.tick() == 1
    with pytest.raises(Refused) as refused:
        look_again(actor=world.bob.actor, runtime_id=runtime.pk)
    assert refused.value.code in {"forbidden", "runtime_not_found"}
