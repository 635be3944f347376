"""The fleet's pages read what they show, counted in rows: common labels, failures of a code, findings by rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.http import QueryDict

from controlplane.console.fleet_queries import FleetFilters, fleet_page
from controlplane.console.queries import PAGE_SIZE
from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import uuid7
from provisioner.findings import queries
from provisioner.findings.models import Finding, FindingWaiver
from provisioner.findings.reading import Group, fleet_groups
from provisioner.rollouts import reading
from provisioner.rollouts.models import Target
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.runtimes import finding
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, upgrading
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db

# What this transaction has read of a table so far, by whatever way.
READ = "SELECT seq_tup_read + coalesce(idx_tup_fetch, 0) FROM pg_stat_xact_user_tables WHERE relname = %s"
PROBED = 2  # rows that the planner itself may look at, at an index's ends


class Read:
    """How many rows were read."""

    rows = 0


@contextmanager
def reading_of(table: str) -> Iterator[Read]:
    """Count the rows of a table that are read."""
    read = Read()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
        cursor.execute(READ, [table])
        before = cursor.fetchone()[0]
        yield read
        cursor.execute(READ, [table])
        read.rows = cursor.fetchone()[0] - before


@pytest.fixture
def large() -> None:
    """Have indexes taken as they are where tables are large."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")


def found(runtimes: Sequence[Runtime], *rules: str, **fields: str) -> list[Finding]:
    """Make a finding of each rule in each runtime."""
    common = {"kind": "Deployment", "namespace": "shop", "name": "till", "severity": "warning"}
    return Finding.objects.bulk_create(
        Finding(
            id=uuid7(), runtime=one, rule=rule, api_version="apps/v1", audience="tenant", sentence="It stands there.",
            remedy="Move it.", since=utcnow() - timedelta(hours=number), **{**common, **fields},
        )
        for number, one in enumerate(runtimes)
        for rule in rules
    )  # fmt: skip


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize("query", ["label=tier=gold", "q=tier=gold", "label=tier=gold&region=eu-central-1"])
def test_a_page_of_a_common_label_reads_no_more_of_many_who_carry_it(
    world: World, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "NEAREST", 4 * PAGE_SIZE)  # of a fleet that is as much smaller

    def read() -> int:
        sre = browse(world.sam)
        with reading_of("runtimes_runtime") as page:
            rows = sre.get(f"/fleet/runtimes?{query}").context["rows"]
        assert len(rows) == PAGE_SIZE
        return page.rows

    fleet(world.shop, [world.landscape], 2 * PAGE_SIZE + 10)
    few = read()
    fleet(world.lab, [world.landscape], 40 * PAGE_SIZE)
    assert read() <= few + PROBED


def test_whoever_carries_a_rare_label_is_found_however_far_and_paged_both_ways(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(finding, "NEAREST", 10)
    common = fleet(world.shop, [world.landscape], 200)
    rare = [one.pk for one in common[::5]]
    Runtime.objects.filter(pk__in=rare).update(labels={"rare": "yes"})
    newest_first = sorted(rare, reverse=True)

    def page(query: str) -> list[object]:
        return [one.pk for one in fleet_page(world.sam.actor, FleetFilters.read(QueryDict(query))).rows]

    for query in ("label=rare=yes", "q=rare=yes"):
        assert page(query) == newest_first[:PAGE_SIZE]
        assert page(f"{query}&after={newest_first[24]}") == newest_first[25:]
        assert page(f"{query}&before={newest_first[30]}") == newest_first[5:30]
        assert page(f"{query}&tenant=nobody") == []
    assert (
        page("label=rare=no") == page("label=rare=yes&q=tier=gold") == page("label=rare=yes&q=rare=no") == []
    )
    assert page("label=rare=yes&q=archipel") == newest_first[:PAGE_SIZE]
    assert page("label=rare") == newest_first[:PAGE_SIZE]


@pytest.mark.usefixtures("large")
def test_a_page_of_one_codes_failures_loads_the_runtimes_that_it_shows(world: World) -> None:
    fleet(world.shop, [world.landscape], 60)
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all",
        plan=no_gates("rest", max_failures="100%", max_concurrency="100%"),
    )  # fmt: skip
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    with upgrading(Upgrades(fails=lambda _: "ERR_INFRA_QUOTA_EXCEEDED")) as upgrades:
        tick(clock=utcnow())
        upgrades.end_due(max(due for due, *_ in upgrades.due.values()))
        tick(clock=utcnow())
    assert Target.objects.filter(rollout=made, state="failed").count() == 60
    narrowed = reading.TargetFilter(signature="ERR_INFRA_QUOTA_EXCEEDED")
    with reading_of("runtimes_runtime") as page:
        listed = reading.list_targets(actor=world.sam.actor, rollout_id=made.pk, narrowed=narrowed, limit=10)
    assert [one.position for one in listed] == list(range(listed[0].position, listed[0].position + 10))
    assert page.rows <= 10 + PROBED


def test_findings_are_counted_with_one_look_at_each_runtime_that_has_some(world: World) -> None:
    runtimes = fleet(world.shop, [world.landscape], 400)
    found(runtimes[:300], "foreign-workloads", "unmeetable-budgets", "missing-requests")
    with reading_of("runtimes_runtime") as page:
        assert len(fleet_groups(actor=world.sam.actor)) == 3
    assert page.rows <= 300 + PROBED


@pytest.mark.usefixtures("large")
def test_findings_are_counted_in_the_order_of_an_index_and_without_their_rows(world: World) -> None:
    found(fleet(world.shop, [world.landscape], 60), "foreign-workloads", "missing-requests")
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE findings_finding, runtimes_runtime")
        cursor.execute("SET LOCAL enable_sort = off")  # of many: nothing is cheaper than to sort a few
        cursor.execute(f"EXPLAIN {queries.GROUPS}")
        assert any("Index Only Scan using finding_by_group" in line for (line,) in cursor.fetchall())


def test_groups_count_findings_runtimes_tenants_and_what_somebody_answers_for(world: World) -> None:
    mine, others = fleet(world.shop, [world.landscape], 4), fleet(world.main, [world.landscape], 3)
    found([*mine, *others], "foreign-workloads")
    found(mine[:2], "foreign-workloads", name="second", namespace="")
    found(mine[2:3], "foreign-workloads", severity="blocking", name="third")
    found(others[:1], "missing-requests")
    Runtime.objects.filter(pk=others[2].pk).update(phase="deprovisioned", deleted_at=utcnow())
    answered(mine[0])
    answered(mine[0], place="Deployment second")  # the rule is already answered for: once is enough
    answered(mine[1], place="Deployment second")
    answered(others[0], until=timedelta(days=-1))
    answered(others[1], place="Deployment shop/other")
    answered(others[2])
    groups = fleet_groups(actor=world.sam.actor)
    assert [told(one) for one in groups] == [
        ("foreign-workloads", "blocking", 1, 1, 1, 0),
        ("foreign-workloads", "warning", 8, 6, 2, 3),
        ("missing-requests", "warning", 1, 1, 1, 0),
    ]
    still = Finding.objects.filter(rule="foreign-workloads", severity="warning", runtime__deleted_at=None)
    assert groups[1].since == min(one.since for one in still)


def told(group: Group) -> tuple[object, ...]:
    return (group.key, group.severity, group.findings, group.runtimes, group.tenants, group.waived)


def answered(runtime: Runtime, *, place: str = "", until: timedelta = timedelta(days=3)) -> None:
    FindingWaiver.objects.create(
        runtime=runtime, rule="foreign-workloads", place=place, owner="ada", reason="later", created_by="sam",
        expires_at=utcnow() + until,
    )  # fmt: skip
