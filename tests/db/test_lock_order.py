"""Doors lock rows in one order, so that two of them at once never wait for each other."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from controlplane.catalog.models import Usage
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.isolation import prepared
from controlplane.tenants.models import Account
from provisioner.lifecycle import closing, locks, tenants
from provisioner.lifecycle.following import follow_owners
from provisioner.lifecycle.move import move_account
from provisioner.lifecycle.suspend import suspend_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.runtimes.models import Runtime
from tests import work
from tests.signed_in import build, present
from tests.world import World, order

PATIENCE_SECONDS = 20.0
LOCKS = re.compile(r"FOR (?:NO KEY UPDATE|UPDATE|SHARE)(?: OF ([\w\", ]+?))?(?= FOR |$|\s*$)")
# Other workers of the test run wait in databases of their own. Who waits for a row holds locks of its tables, which name theirs.
WAITING = """
SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted AND pid IN (
    SELECT pid FROM pg_locks WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database()))
"""


def move(world: World) -> str:
    return answered(
        lambda: move_account(
            actor=SYSTEM,
            account_id=world.shop.id,
            from_slug="archipel",
            to_slug="basalt",
            reason="for the test",
        )
    )


def answered(act: Callable[[], object]) -> str:
    """What became of it, in a thread of its own."""
    try:
        act()
    except Refused as refusal:
        return refusal.code
    return "done"


def in_a_thread(pool: ThreadPoolExecutor, act: Callable[[], str], *, waiting: int) -> Future[str]:
    """Begin it, and return when so many wait for a lock."""

    def run() -> str:
        try:
            return act()
        finally:
            connection.close()

    begun = pool.submit(run)
    end = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < end:
        with connection.cursor() as cursor:
            cursor.execute(WAITING)
            if cursor.fetchone()[0] >= waiting:
                return begun
        threading.Event().wait(0.02)
    raise AssertionError(f"nobody waits: {begun}")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("first", ["create", "move"])
def test_a_runtime_that_is_created_and_an_account_that_moves_do_not_wait_for_each_other(
    world: World, first: str
) -> None:
    build(world)
    present(world.basalt, world.shop, world.alice)
    doors = {"create": lambda: answered(lambda: order(world, name="late")), "move": lambda: move(world)}
    second = next(name for name in doors if name != first)
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            locks.lock_usage_of([world.archipel.id])
            asked = {first: in_a_thread(pool, doors[first], waiting=1)}
            asked[second] = in_a_thread(pool, doors[second], waiting=2)
        answers = {name: future.result(timeout=PATIENCE_SECONDS) for name, future in asked.items()}
    wanted = {
        "create": {"create": "done", "move": "operations_open"},
        "move": {"move": "done", "create": "account_unknown"},
    }
    assert answers == wanted[first]


@pytest.mark.django_db(transaction=True)
def test_a_runtime_that_follows_its_tenant_and_an_account_that_moves_do_not_wait_for_each_other(
    world: World,
) -> None:
    build(world)
    present(world.basalt, world.shop, world.alice)
    runtime = Runtime.objects.get()
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            locks.lock_runtime(runtime.pk)
            following = in_a_thread(pool, lambda: answered(lambda: followed(runtime)), waiting=1)
            moving = in_a_thread(pool, lambda: move(world), waiting=2)
        assert following.result(timeout=PATIENCE_SECONDS) == "done"
        assert moving.result(timeout=PATIENCE_SECONDS) == "done"


@transaction.atomic
def followed(runtime: Runtime) -> None:
    follow_owners(runtime.pk)


@pytest.fixture
def _flows(world: World) -> Iterator[None]:
    build(world)
    present(world.basalt, world.shop, world.alice)
    with work.flows(suspend=work.flow(), resume=work.flow()):
        yield


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The SQL that is run, prepared statements too."""
    found: list[str] = []
    rows = prepared.rows

    def run(sql: str, params: Mapping[str, Any]) -> list[dict[str, Any]]:
        found.append(sql)
        return rows(sql, params)

    def note(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        found.append(sql)
        return execute(sql, *rest)

    monkeypatch.setattr(prepared, "rows", run)
    with connection.execute_wrapper(note):
        yield found


def locked_by(statements: Iterable[str]) -> list[str]:
    """The tables of which rows are locked, in the order of the first lock of each."""
    found: list[str] = []
    for sql in statements:
        found += [table for table in tables_of(sql) if table in locks.ORDER and table not in found]
    return found


def tables_of(sql: str) -> Iterator[str]:
    """Which tables a statement locks rows of."""
    if match := re.match(r'UPDATE "?(\w+)', sql):
        yield match[1]
    names = re.findall(r"(?:FROM|JOIN) \"?(\w+)\"?(?: AS)? (\w+)", sql)
    named = {alias: table for table, alias in names}
    for match in LOCKS.finditer(" ".join(sql.split())):
        for name in (match[1] or re.findall(r'FROM "?(\w+)', sql)[0]).split(","):
            plain = name.strip(' "')
            yield named.get(plain, plain)


@pytest.mark.django_db
@pytest.mark.usefixtures("_flows")
@pytest.mark.parametrize(
    "door", ["create", "move", "update", "suspend", "follow", "suspend_tenant", "delete_account"]
)
def test_every_door_locks_in_the_one_order(world: World, asked: list[str], door: str) -> None:
    runtime, alice = Runtime.objects.get(), world.alice.actor
    doors: dict[str, Callable[[], Any]] = {
        "create": lambda: order(world, name="second"),
        "move": lambda: move(world),
        "update": lambda: update_runtime(
            actor=alice,
            runtime_id=runtime.pk,
            parameters={"autoScalerMax": 12},
            labels=None,
            expected_generation=None,
        ),
        "suspend": lambda: suspend_runtime(actor=alice, runtime_id=runtime.pk),
        "follow": lambda: follow_owners(runtime.pk),
        "suspend_tenant": lambda: tenants.suspend_tenant(actor=SYSTEM, tenant_id=world.archipel.id),
        "delete_account": lambda: closing.schedule_account_deletion(actor=SYSTEM, account_id=world.shop.id),
    }
    asked.clear()
    doors[door]()
    found = locked_by(asked)
    assert found
    assert found == sorted(found, key=locks.ORDER.index)
    if door in {"create", "move", "follow"}:
        assert {"catalog_usage", "tenants_tenant"} <= set(found)


@pytest.mark.django_db
def test_the_order_names_real_tables() -> None:
    assert {Runtime._meta.db_table, Usage._meta.db_table, Account._meta.db_table} < set(locks.ORDER)
