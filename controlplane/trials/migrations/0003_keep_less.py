"""Persons by keyed hash, literals of company rules, when ended trials are forgotten, and grants of those that live."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import migrations
from django.db.models import F

from controlplane.trials.addresses import keyed
from controlplane.trials.blocklist import literal_of

BATCH = 500
HOLDS_A_PLACE = ["provisioning", "active", "expired", "suspended", "removing"]


def forward(apps: Any, schema_editor: object) -> None:
    """Rewrite what the rows before held; each table is small."""
    for name in ("Trial", "SignUp"):
        rows = apps.get_model("trials", name).objects
        changed = []
        for row in rows.only("pk", "person").iterator(BATCH):
            row.person = keyed(bytes(row.person))
            changed.append(row)
        rows.bulk_update(changed, ["person"], batch_size=BATCH)
    rules = apps.get_model("trials", "Rule").objects
    for rule in rules.filter(kind__in=["email", "company"]):
        if rule.kind == "email":
            rule.pattern = keyed(bytes.fromhex(rule.pattern)).hex()
        else:
            rule.literal = literal_of(rule.pattern)
        rule.save(update_fields=["pattern", "literal"])
    trials = apps.get_model("trials", "Trial").objects
    over = trials.filter(stage__in=["removed", "rejected"], next_at__isnull=True)
    over.update(next_at=F("ended_at") + timedelta(days=settings.TRIAL_TOMBSTONE_DAYS))
    _grant(apps.get_model("catalog", "Entitlement"), trials)


def _grant(model: Any, trials: Any) -> None:
    """Give the tenants of live trials what they have, and nothing else."""
    granted = {"granted_by": "system: trials"}
    live = trials.exclude(stage__in=["removed", "rejected", "converted"]).values_list("tenant_id", "stage", "plan")
    rows = []
    for tenant_id, stage, plan in live:
        rows.append(model(tenant_id=tenant_id, plan="*", runtimes=0, **granted))
        if stage in HOLDS_A_PLACE:
            rows.append(model(tenant_id=tenant_id, plan=plan, runtimes=1, **granted))
    model.objects.bulk_create(rows, ignore_conflicts=True, batch_size=BATCH)


def backward(apps: Any, schema_editor: object) -> None:
    """Leave the rows: a hash has no way back, and who had a trial may have another one."""


class Migration(migrations.Migration):
    dependencies = [("trials", "0002_queue_and_rules"), ("catalog", "0003_quota")]
    operations = [migrations.RunPython(forward, backward)]
