"""A settled fleet in bulk: rows copied from one runtime that went the whole way, its Shoot created again for each of them.

What stands in the end is what 10,000 requests would have left: every row with its operation, attempts and audit event, every
Shoot built by the landscape itself, every status written by the observer. Only the way there is shorter.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, LiteralString

import aiohttp
import psutil
import psycopg

from tests.bench.fleet import in_database, stack_environment
from tests.plugins.simulator import SHOOTS
from tests.plugins.stack import Stack

CREATORS = 16
SETTLED = "SELECT count(*) FROM runtimes_runtime WHERE phase = 'ready' AND status ->> 'situation' = 'ready'"

# Each copies the rows of the first runtime under names and ids of their own.
COPY = """INSERT INTO {table} (:columns)
SELECT :copied FROM {source}, jsonb_populate_record(NULL::{table}, to_jsonb(model) || {other}) copied"""
COPIES = (
    """CREATE TEMPORARY TABLE fleet AS
       SELECT n, uuidv7() AS runtime_id, uuidv7() AS operation_id, 'i' || lpad(n::text, 6, '0') AS cluster
       FROM generate_series(%(first)s::int, %(last)s::int) n""",
    COPY.format(
        table="runtimes_runtime",
        source="fleet, (SELECT * FROM runtimes_runtime ORDER BY id LIMIT 1) model",
        other="""jsonb_build_object('id', fleet.runtime_id, 'name', 'idle-' || n, 'cluster_name', cluster, 'status', '{}'::jsonb,
            'status_at', NULL, 'landscape_version', '', 'cluster_spec', model.cluster_spec || jsonb_build_object('name', cluster,
            'labels', model.cluster_spec -> 'labels' || jsonb_build_object('nesoi.dev/runtime', fleet.runtime_id)))""",
    ),
    COPY.format(
        table="operations_operation",
        source="fleet, (SELECT * FROM operations_operation ORDER BY id LIMIT 1) model",
        other="jsonb_build_object('id', fleet.operation_id, 'runtime_id', fleet.runtime_id)",
    ),
    COPY.format(
        table="operations_operationattempt",
        source="""fleet, (SELECT * FROM operations_operationattempt
            WHERE operation_id = (SELECT id FROM operations_operation ORDER BY id LIMIT 1)) model""",
        other="""jsonb_build_object('operation_id', fleet.operation_id,
            'id', nextval(pg_get_serial_sequence('operations_operationattempt', 'id')))""",
    ),
    COPY.format(
        table="tenants_auditevent",
        source="fleet, (SELECT * FROM tenants_auditevent WHERE action = 'runtime.create' ORDER BY id LIMIT 1) model",
        other="jsonb_build_object('id', uuidv7(), 'target_id', fleet.runtime_id)",
    ),
)


def order_first(stack: Stack) -> dict[str, Any]:
    """Order one runtime as a tenant does, and return its Shoot once it is ready: the model of all others."""
    (closed,) = stack.wait_closed([stack.order("idle-1")])
    assert closed["state"] == "succeeded", closed
    (shoot,) = stack.shoots().values()
    model: dict[str, Any] = shoot
    return model


def fill(stack: Stack, model: dict[str, Any], count: int) -> None:
    """Bring the fleet to `count` runtimes that stand still."""
    present = int(in_database(stack, "SELECT count(*) FROM runtimes_runtime"))
    stack.simulator("PATCH", "/simulator/v1/settings", {"build_seconds": 0})
    with stopped(
        stack, "observer"
    ):  # it would follow each Shoot through a dozen stages; so it lists them once
        owners = copy_rows(stack, present + 1, count)
        asyncio.run(create_shoots(stack, [shoot_like(model, *owner) for owner in owners]))
        stack.eventually(lambda: not moving(stack), seconds=300, every=1.0)
    stack.eventually(lambda: int(in_database(stack, SETTLED)) == count, seconds=300, every=1.0)
    with psycopg.connect(stack_environment(stack)["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")  # else PostgreSQL would do it by itself while we measure
    stack.eventually(lambda: not busy(stack), seconds=60, every=2.0)


def written_since(stack: Stack, moment: str) -> int:
    """How many runtimes' rows were written since a moment of the database's clock."""
    newest = "greatest(status_at, updated_at)"
    return int(in_database(stack, f"SELECT count(*) FROM runtimes_runtime WHERE {newest} > '{moment}'"))


@contextmanager
def stopped(stack: Stack, name: str) -> Iterator[None]:
    """Let one of the services stand still for a while."""
    pid = stack.pid(name)
    assert pid is not None
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def copy_rows(stack: Stack, first: int, last: int) -> list[tuple[str, str, str]]:
    """Write the rows of these runtimes; return the names, runtimes and operations of their clusters."""
    with psycopg.connect(stack_environment(stack)["DATABASE_URL"]) as connection:
        for statement in COPIES:
            whole = _with_columns(connection, statement)
            connection.execute(whole, {"first": first, "last": last} if "%(" in whole else None)
        rows = connection.execute(
            "SELECT cluster, runtime_id::text, operation_id::text FROM fleet"
        ).fetchall()
    return [(cluster, runtime, operation) for cluster, runtime, operation in rows]


def _with_columns(connection: psycopg.Connection[Any], statement: str) -> LiteralString:
    """Name the columns that take a value: PostgreSQL works out the others by itself."""
    if table := re.match(r"INSERT INTO (\w+) ", statement):
        found = connection.execute(
            """SELECT column_name FROM information_schema.columns
            WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' ORDER BY ordinal_position""",
            [table[1]],
        )
        names = [f'"{row[0]}"' for row in found]
        copied = ", ".join(f"copied.{name}" for name in names)
        statement = statement.replace(":columns", ", ".join(names)).replace(":copied", copied)
    return statement


def shoot_like(model: dict[str, Any], name: str, runtime: str, operation: str) -> dict[str, Any]:
    """Return the order of a Shoot as the driver would place it for another runtime."""
    metadata = model["metadata"]
    own = {key: value for key, value in metadata["labels"].items() if key.startswith("nesoi.dev/")}
    tags = {key: value for key, value in metadata["annotations"].items() if key.startswith("nesoi.dev/")}
    return {
        "apiVersion": model["apiVersion"],
        "kind": model["kind"],
        "metadata": {
            "name": name,
            "namespace": metadata["namespace"],
            "labels": {**own, "nesoi.dev/runtime": runtime},
            "annotations": {**tags, "nesoi.dev/operation": operation},
        },
        "spec": model["spec"],
    }


async def create_shoots(stack: Stack, shoots: list[dict[str, Any]]) -> None:
    """Create these, several at a time."""
    ready = json.loads((stack.state / "simulator" / "ready.json").read_text())
    headers = {"Authorization": f"Bearer {ready['admin_token']}", "Content-Type": "application/json"}
    connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cafile=ready["ca"]), limit=CREATORS)
    waiting = iter(shoots)
    async with aiohttp.ClientSession(ready["url"], headers=headers, connector=connector) as session:

        async def creator() -> None:
            for shoot in waiting:
                async with session.post(SHOOTS, data=json.dumps(shoot)) as answer:
                    assert answer.status == 201, await answer.text()

        await asyncio.gather(*(creator() for _ in range(CREATORS)))


def moving(stack: Stack) -> int:
    """How many Shoots the landscape is still building."""
    return int(stack.simulator("GET", "/simulator/v1/stats")["shoots_moving"])


def busy(stack: Stack) -> bool:
    """Whether a service uses more than a fifth of a processor."""
    assert stack.process is not None
    supervisor = psutil.Process(stack.process.pid)
    family = [supervisor, *supervisor.children(recursive=True)]
    for process in family:
        share_of(process)
    psutil.cpu_percent(1.0)
    return any(share_of(process) > 20 for process in family)


def share_of(process: psutil.Process) -> float:
    """How much of a processor it used since it was last asked, in percent; none when it has ended."""
    try:
        return float(process.cpu_percent())
    except psutil.NoSuchProcess:
        return 0.0
