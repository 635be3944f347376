"""Show notices to their tenant only; those without a tenant are the platform's."""

from __future__ import annotations

from typing import ClassVar

from django.db import migrations

from controlplane.tenants.isolation.policies import ProtectTenantRows


class Migration(migrations.Migration):
    """notices_mail stays open: only the demo has any."""

    dependencies: ClassVar = [("notices", "0001_initial"), ("isolation", "0003_tables")]
    operations: ClassVar = [ProtectTenantRows("notices_notice")]
