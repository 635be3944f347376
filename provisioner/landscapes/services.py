"""Register a landscape, or change how it is reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import transaction

from controlplane.sealing import seal, unseal
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
    credentials_path: str = "",
    credentials: str = "",
    calls_per_second: float = 50.0,
    accepting: bool = True,
) -> tuple[Landscape, bool]:
    """Return the landscape and whether it is new; the same call again changes nothing.

    `credentials` are sealed into the row; without them `credentials_path` names a file. Raises Refused key_unavailable.
    """
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
    told = dict(wanted if created else changes)
    if sealed := _sealed(landscape, credentials):
        told["credentials"] = "stored" if credentials else "not stored any more"
        changes |= sealed
    if changes:
        Landscape.objects.filter(pk=landscape.pk).update(**changes)
        landscape.refresh_from_db()
    if created or changes:
        _recorded(actor, key, told)
    return landscape, created


def _recorded(actor: Actor, key: str, told: Mapping[str, Any]) -> None:
    audit.record(
        "landscape.register",
        actor=actor,
        tenant_id=None,
        target_type="landscape",
        target_id=key,
        changes=told,
    )


def _sealed(landscape: Landscape, credentials: str) -> dict[str, bytes]:
    """Return what to write for these credentials; nothing when the row holds the very same."""
    context, kept = landscape.credentials_context, bytes(landscape.credentials_sealed)
    if (unseal(kept, context=context).decode() if kept else "") == credentials:
        return {}
    return {"credentials_sealed": seal(credentials.encode(), context=context) if credentials else b""}
