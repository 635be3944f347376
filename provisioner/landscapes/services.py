"""Register a landscape, or change how it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.landscapes.models import Landscape


@transaction.atomic
def register_landscape(
    *,
    actor: Actor,
    key: str,
    kind: str,
    providers: Sequence[str],
    config: Mapping[str, Any],
    credentials_path: str,
    calls_per_second: float = 50.0,
    accepting: bool = True,
) -> tuple[Landscape, bool]:
    """Return the landscape and whether it is new; the same call again changes nothing."""
    wanted = {
        "kind": kind,
        "providers": list(providers),
        "config": dict(config),
        "credentials_path": credentials_path,
        "calls_per_second": calls_per_second,
        "burst": 2 * calls_per_second,
        "accepting": accepting,
    }
    landscape, created = Landscape.objects.select_for_update().get_or_create(key=key, defaults=wanted)
    changes = {name: value for name, value in wanted.items() if getattr(landscape, name) != value}
    if changes:
        Landscape.objects.filter(pk=landscape.pk).update(**changes)
        landscape.refresh_from_db()
    if created or changes:
        audit.record(
            "landscape.register",
            actor=actor,
            tenant_id=None,
            target_type="landscape",
            target_id=key,
            changes=wanted if created else changes,
        )
    return landscape, created
