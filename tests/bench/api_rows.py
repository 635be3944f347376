"""The rows of the API's benchmark, made in a process with the product's settings: `seed`, `fill`, `count`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

import django

BATCH = 500


def seed(clients: int) -> list[str]:
    """Migrate, and make one tenant with an account and a token for each client; return the tokens."""
    from django.core.management import call_command

    from controlplane.tenants.access import SYSTEM, Role
    from controlplane.tenants.models import Tenant
    from controlplane.tenants.services import create_account, create_tenant, issue_token
    from tests.world import landscape, load_catalog

    call_command("migrate", verbosity=0)
    load_catalog()
    landscape("bench")
    tokens = []
    for number in range(clients):
        tenant = create_tenant(actor=SYSTEM, slug=f"bench-{number}", name=f"Bench {number}")
        create_account(actor=SYSTEM, tenant=tenant, slug="main", name="Main")
        tokens.append(issue_token(actor=SYSTEM, name="bench", tenant=tenant, role=Role.ADMIN)[1])
    bare = create_tenant(actor=SYSTEM, slug="bare", name="Bare")  # its rows count for nobody's quota
    create_account(actor=SYSTEM, tenant=bare, slug="main", name="Main")
    Tenant.objects.update(runtime_quota=1_000_000)
    return tokens


def fill(count: int) -> int:
    """Bring the whole fleet to `count` runtimes of the first tenant, copies of one that the API made; one in ten is at work."""
    from django.db import connection

    from controlplane.kernel.ids import uuid7
    from controlplane.tenants.models import Account
    from provisioner.operations.models import Operation, OperationAttempt
    from provisioner.runtimes.models import Runtime

    account = Account.objects.get(tenant__slug="bench-0")
    runtime = Runtime.objects.filter(account=account).exclude(name__startswith="copy-").latest("id")
    operation = Operation.objects.get(runtime=runtime)
    OperationAttempt.objects.all().delete()
    Operation.objects.exclude(runtime=runtime).delete()
    Runtime.objects.exclude(pk=runtime.pk).delete()
    for begin in range(1, count, BATCH):
        copies = []
        for number in range(begin, min(begin + BATCH, count)):
            runtime.pk, runtime.name, runtime.cluster_name = uuid7(), f"copy-{number}", f"copy-{number}"
            copies.append(Runtime(**_columns(runtime)))
        Runtime.objects.bulk_create(copies)
        operations = []
        for copy in copies[::10]:
            operation.pk, operation.runtime_id = uuid7(), copy.pk
            operations.append(Operation(**_columns(operation)))
        Operation.objects.bulk_create(operations)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")
    return Runtime.objects.count()


def count(token: str) -> int:
    """Return how many statements a page of 100 runtimes costs."""
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client(headers={"Authorization": f"Bearer {token}"})
    client.get("/api/v1/runtimes?limit=100", headers={"Host": "localhost"})
    with CaptureQueriesContext(connection) as captured:
        client.get("/api/v1/runtimes?limit=100", headers={"Host": "localhost"})
    return sum(query["sql"] not in {"BEGIN", "COMMIT"} for query in captured.captured_queries)


def _columns(row: Any) -> dict[str, Any]:
    return {column.attname: getattr(row, column.attname) for column in row._meta.concrete_fields}


def main() -> None:
    """Do one task and print its result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["seed", "fill", "count"])
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--count", type=int, default=0)
    parser.add_argument("--token", default="")
    given = parser.parse_args()
    django.setup()
    tasks: dict[str, Callable[[], Any]] = {
        "seed": lambda: seed(given.clients),
        "fill": lambda: fill(given.count),
        "count": lambda: count(given.token),
    }
    print(json.dumps(tasks[given.task]()))


if __name__ == "__main__":
    main()
