"""Drift of a runtime is seen by who sees the runtime."""

from django.db import migrations

from controlplane.tenants.isolation.policies import ProtectChildRows


class Migration(migrations.Migration):
    """Comes after row-level security of the runtimes."""

    dependencies = [("observer", "0001_initial"), ("isolation", "0003_tables")]

    operations = [ProtectChildRows("observer_drift", "runtime_id", parent="runtimes_runtime")]
