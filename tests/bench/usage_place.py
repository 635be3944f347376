"""A PostgreSQL of a benchmark's own with a fleet in it, and its samples: what the usage store's benchmarks measure on."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg

from tests.bench.processor import worked_seconds

if TYPE_CHECKING:
    from billing.usage.samples import SampleIn

TENANT_RUNTIMES = 10
SUPERUSER = "postgres"  # whom initdb made
COMPONENTS = (
    "kube-proxy",
    "calico",
    "coredns",
    "csi-driver",
    "node-exporter",
    "fluent-bit",
    "apiserver-proxy",
)

FLEET = """
INSERT INTO usage_source (id, runtime, born)
SELECT n, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, %(born)s FROM generate_series(1, %(count)s::int) n;
INSERT INTO usage_span (source, runtime, tenant_id, account, plan, region, provider, phase, since)
SELECT s.id, s.runtime, t.id, t.id, 'aws', 'eu-central-1', 'aws', 'ready', s.born
FROM usage_source s, LATERAL (SELECT ('00000000-0000-7000-8000-' || lpad(to_hex((s.id - 1) / %(each)s), 12, 'f'))::uuid AS id) t;
"""
# The columns in the order in which they take least room.
BARE_ROWS = """
CREATE TABLE bare_sample AS
SELECT slot, reported_at, stored_at, egress_bytes, source, shape, components, workload_requested_millicores,
    workload_requested_mib, platform_requested_millicores, platform_requested_mib, workload_used_millicores, workload_used_mib,
    platform_used_millicores, platform_used_mib, epoch, origin FROM usage_sample WHERE block >= %(first)s
"""


def begin(cleanup: ExitStack) -> None:
    """Start a PostgreSQL as durable as in production, make it Django's, migrate, and look for garbage as every process does."""
    from controlplane.embedded.database_user import database_user
    from controlplane.embedded.places import temporary_folder
    from controlplane.embedded.service import launch
    from controlplane.kernel.collecting import look_seldom
    from tests.plugins.postgres import _stop, new_postgres

    user = database_user()
    folder = temporary_folder(user, prefix="nesoi-bench-")
    cleanup.callback(shutil.rmtree, folder, ignore_errors=True)
    server = new_postgres(folder, user)
    service = server.service(durable=True)
    with (folder / "postgres.log").open("wb") as output:
        process = launch(service, output=output.fileno())
    cleanup.callback(_stop, process)
    while not service.is_ready(process.pid):
        assert process.poll() is None, (folder / "postgres.log").read_text()
        time.sleep(0.05)
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "controlplane.config.settings",
        "DATABASE_URL": server.url,
        "DATABASE_POOL_SIZE": "0",
        "CACHE_URL": "locmem://",
        "EMBEDDED": "true",
        "LOG_LEVEL": "WARNING",
    }
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connections

    call_command("migrate", verbosity=0)
    cleanup.callback(connections.close_all)
    look_seldom()


def make_fleet(count: int, *, born: datetime) -> None:
    """Write so many runtimes, ten a tenant, each alive since `born`."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(FLEET, {"count": count, "born": born, "each": TENANT_RUNTIMES})
        cursor.execute("ANALYZE usage_source; ANALYZE usage_span")


def pack_rows(rows: str, values: Mapping[str, Any]) -> None:
    """Store samples in bulk, past the ingest: `rows` is a SELECT of the columns that a sample has; their days have partitions."""
    from django.db import connection

    move: str = import_module("billing.usage.migrations.0010_slots_in_blocks").MOVE
    with connection.cursor() as cursor:
        cursor.execute("SET work_mem = '256MB'")
        cursor.execute(move.replace("{old}", f"({rows}) one_by_one"), values)
        cursor.execute("RESET work_mem")


def bare_rows(*, first_block: int = 0) -> None:
    """Put samples as plain rows into a logged table without an index, bare_sample: what a raw SUM is measured over.

    Over the blocks it would be slower, and whatever is held against it would look better than it is. All samples, or those of
    sources from a block on.
    """
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("DROP TABLE IF EXISTS bare_sample")
        cursor.execute(BARE_ROWS, {"first": first_block})
        cursor.execute("VACUUM ANALYZE bare_sample")
    write_out()


def write_out() -> None:
    """Have all that was set up written to its files, and the log's files used again, as a server does that has run for a while.

    A new one makes each file of its log by filling it with zeros, which takes as long as writing what is measured.
    """
    from django.db import connection

    place = connection.get_connection_params()
    with psycopg.connect(host=place["host"], user=SUPERUSER, dbname="postgres", autocommit=True) as server:
        server.execute("CHECKPOINT")


def processor_seconds() -> float:
    """Return what this process and its connection's have spent of a processor so far: it counts where others are at work, too."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (process,) = cursor.fetchone()
    return time.process_time() + worked_seconds(process)


def worked_alone(statement: str) -> float:
    """Return the processor time of a statement that PostgreSQL does not share out."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")
        began = processor_seconds()
        cursor.execute(statement)
        worked = processor_seconds() - began
        cursor.execute("RESET max_parallel_workers_per_gather")
    return worked


def yesterday() -> datetime:
    """Return the first moment of yesterday: what is measured is all in the past."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return today - timedelta(days=1)


def samples_of(slot: datetime, numbers: Iterable[int]) -> list[SampleIn]:
    """One slot of these runtimes, each row with objects of its own; one in twelve tells components' use."""
    return [sample_of(number, slot) for number in numbers]


def sample_of(number: int, slot: datetime, *, seed: int = 0) -> SampleIn:
    """What one runtime shows in a slot: as other runtimes of its size, with use that never repeats."""
    from billing.usage.samples import Gauges, SampleIn

    chance = random.Random(number * 1_000_003 + int(slot.timestamp()) + seed)
    nodes = 3 + number % 40
    used = [chance.randrange(200, 4000) for _ in range(4)]
    asked = (nodes * 800, nodes * 3000, nodes * 250, nodes * 400)
    levels = {
        "block_storage": {"gp3": 50 + number % 30},
        "control_plane": {"": 1},
        "load_balancer": {"": 1 + number % 3},
        "memory": {"": nodes * 8192},
        "node": {"m5.large": nodes},
        "public_address": {"": 1 + number % 3},
        "vcpu": {"": nodes * 2000},
    }
    parts = {name: (nodes * 20 + at, nodes * 40) for at, name in enumerate(COMPONENTS)}
    gauges = Gauges._make((*asked, *used, chance.randrange(10**9), nodes * 1900, nodes * 7000))
    use = None
    if (number + slot.minute // 5) % 12 == 0:
        use = {name: (chance.randrange(500), chance.randrange(900)) for name in COMPONENTS}
    reported = slot + timedelta(seconds=chance.randrange(240), microseconds=chance.randrange(10**6))
    return SampleIn(runtime_of(number), 0, slot, levels, parts, gauges, reported, use)


def runtime_of(number: int) -> UUID:
    """Return the id that FLEET gave the runtime of this number."""
    return UUID(f"00000000-0000-7000-8000-{number:012x}")


def entry(name: str, value: float, goal: float, at: str, detail: dict[str, Any]) -> dict[str, Any]:
    """Return one result as `make bench` wants it."""
    holds = value >= goal if at == "least" else value <= goal
    return {
        "name": name,
        "value": round(value, 4),
        "unit": "ratio",
        "goal": goal,
        "at": at,
        "holds": holds,
        "detail": {**detail, "load": [round(load, 2) for load in os.getloadavg()]},
    }
