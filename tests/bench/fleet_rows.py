"""The rows of the fleet pages' benchmark, made in a process with the product's settings: `begin`, then `grow` to a size."""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from typing import Any

import django

TENANTS, PLACES = 20, 8
FAILED, STUCK, UNHEALTHY, FOUND = 100, 200, 50, 10  # one in so many
RULES = (("unmeetable-budgets", "blocking"), ("missing-requests", "warning"), ("removed-apis", "warning"))


def begin() -> str:
    """Migrate; places and an SRE, whose session is returned."""
    from django.core.management import call_command
    from django.test import Client

    from controlplane.tenants.access import SYSTEM, PlatformRole
    from controlplane.tenants.services import create_account, create_tenant, create_user
    from tests.world import PASSWORD, landscape, load_catalog

    call_command("migrate", verbosity=0)
    load_catalog()
    for number in range(PLACES):
        landscape(f"place-{number}")
    for number in range(TENANTS):
        tenant = create_tenant(actor=SYSTEM, slug=f"bench-{number}", name=f"Bench {number}")
        create_account(actor=SYSTEM, tenant=tenant, slug=f"u{number:02}", name=f"Unit {number}")
    sam = create_user(actor=SYSTEM, username="sam", password=PASSWORD, platform_role=PlatformRole.SRE)
    client = Client()
    client.force_login(sam)
    return client.cookies["sessionid"].value


def grow(count: int) -> dict[str, str]:
    """So many runtimes in a rollout that is under way: some done, some failed, some waiting; and the usual trouble."""
    from django.db import connection

    from controlplane.tenants.models import Account
    from provisioner.landscapes.models import Landscape
    from provisioner.operations.models import Operation
    from tests.rolling_out import fleet

    places = list(Landscape.objects.order_by("key"))
    runtimes = []
    for account in Account.objects.order_by("slug"):
        runtimes += fleet(account, places, count // TENANTS)
    rollout = _roll(runtimes)
    draft, seconds = _draft()
    _trouble(runtimes)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM (ANALYZE)")
    one = runtimes[len(runtimes) // 2]
    operation = Operation.objects.filter(slot="active").order_by("pk").values_list("pk", flat=True).first()
    return {
        "rollout": str(rollout.pk), "runtime": str(one.pk), "name": one.name, "tenant": one.tenant.slug,
        "draft": str(draft.pk), "operation": str(operation), "preview_seconds": f"{seconds:.2f}",
    }  # fmt: skip


def _draft() -> tuple[Any, float]:
    """A draft of those that are left, and the processor's seconds that it took to say what it would do."""
    from controlplane.tenants.access import SYSTEM
    from provisioner.rollouts.services import create_rollout, preview_again
    from tests.rolling_out import NEW

    made = create_rollout(actor=SYSTEM, name="Second", release=NEW, selector="all", overlap=True)
    began = time.process_time()
    preview_again(actor=SYSTEM, rollout_id=made.pk)
    return made, time.process_time() - began


def _roll(runtimes: list[Any]) -> Any:
    """A rollout in the middle: what began a while ago has ended, one in a hundred badly."""
    from controlplane.kernel.clock import utcnow
    from controlplane.tenants.access import SYSTEM
    from provisioner.rollouts.models import Rollout
    from provisioner.rollouts.services import create_rollout, start_rollout
    from provisioner.rollouts.ticking import tick
    from tests.rolling_out import NEW, Upgrades, drawn, upgrading

    plan = {"stages": [{"name": "canary", "share": "5%"}, {"name": "rest", "share": "rest"}], "max_failures": "100%",
            "max_concurrency": "20%"}  # fmt: skip
    made = create_rollout(actor=SYSTEM, name="October", release=NEW, selector="all", plan=plan)
    with upgrading(Upgrades(**drawn(1, mean=60.0, failing=0.05))) as upgrades:
        start_rollout(actor=SYSTEM, rollout_id=made.pk)
        for _ in range(4):
            tick()
            upgrades.end_due(utcnow() + timedelta(hours=1))
        tick()
    return Rollout.objects.get(pk=made.pk)


def _trouble(runtimes: list[Any]) -> None:
    from controlplane.kernel.clock import utcnow
    from controlplane.kernel.ids import uuid7
    from provisioner.findings.models import Finding
    from provisioner.operations.models import Operation
    from provisioner.rollouts.models import Waiver
    from provisioner.runtimes.models import Runtime

    ids, now = [one.pk for one in runtimes], utcnow()
    Runtime.objects.filter(pk__in=ids[::FAILED]).update(phase="failed", message="It broke.")
    Runtime.objects.filter(pk__in=ids[1::UNHEALTHY]).update(status={"situation": "unhealthy"})
    open_ones = Operation.objects.filter(slot="active").values_list("pk", flat=True)[: len(ids) // STUCK + 1]
    Operation.objects.filter(pk__in=list(open_ones)).update(
        step_started_at=now - timedelta(hours=1), error_code="ERR_STUCK", error_message="It waits."
    )
    Finding.objects.bulk_create(
        Finding(
            id=uuid7(), runtime_id=one, rule=rule, api_version="apps/v1", kind="Deployment", namespace="shop", name="till",
            severity=severity, audience="tenant", sentence="It stands where it must not.", remedy="Move it.", since=now,
        )
        for one in ids[::FOUND]
        for rule, severity in RULES
    )  # fmt: skip
    Waiver.objects.bulk_create(
        Waiver(
            runtime_id=one, owner="ada", reason="later", expires_at=now + timedelta(days=9), created_by="sam"
        )
        for one in ids[2::FAILED]
    )


def main() -> None:
    """Do one task and print its result as JSON."""
    parser = argparse.ArgumentParser()
    parser.add_argument("task", choices=["begin", "grow"])
    parser.add_argument("--count", type=int, default=0)
    given = parser.parse_args()
    django.setup()
    print(json.dumps(begin() if given.task == "begin" else grow(given.count)))


if __name__ == "__main__":
    main()
