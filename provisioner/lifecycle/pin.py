"""Keep a runtime on the release that it runs, whatever its channel does, until that release's end of life."""

from __future__ import annotations

from uuid import UUID

from django.db import transaction

from controlplane.catalog.releasing import release_for_actor
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from provisioner.lifecycle.admission import locked_runtime, write
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind


@transaction.atomic
def pin_runtime(*, actor: Actor, runtime_id: UUID, expected_revision: int | None = None) -> Runtime:
    """Pin it to its present release.

    Raises Refused 409: release_expired for one that is over, release_withdrawn, runtime_busy while an upgrade is under way.
    """
    runtime = locked_runtime(
        actor=actor, permission=Permission.UPGRADE, runtime_id=runtime_id, revision=expected_revision
    )
    _refuse_while_upgraded(runtime)
    key = runtime.spec["release"]["key"]
    release, today = release_for_actor(actor, key), utcnow().date()
    if release.withdrawn:
        detail = (
            f"Release {key} was withdrawn: {release.withdrawn} Upgrade {runtime.name} instead of pinning it."
        )
        raise Refused("release_withdrawn", detail, status=409)
    if release.end_of_life is not None and release.end_of_life <= today:
        detail = f"Release {key} reached its end of life on {release.end_of_life}; upgrade {runtime.name} instead of pinning it."
        raise Refused("release_expired", detail, status=409)
    return _pinned(actor, runtime, key)


def _refuse_while_upgraded(runtime: Runtime) -> None:
    """Refuse to pin it to the release that it is just leaving."""
    upgrade = Operation.objects.filter(runtime=runtime, slot__isnull=False, kind=Kind.UPGRADE).first()
    if upgrade is not None:
        detail = (
            f"Runtime {runtime.name} is being upgraded to release {upgrade.input.get('release')}. Pin it once that has ended, or "
            "cancel it first."
        )
        raise Refused("runtime_busy", detail, status=409)


@transaction.atomic
def unpin_runtime(*, actor: Actor, runtime_id: UUID, expected_revision: int | None = None) -> Runtime:
    """Let it follow its channel again; one that is not pinned stays as it is."""
    runtime = locked_runtime(
        actor=actor, permission=Permission.UPGRADE, runtime_id=runtime_id, revision=expected_revision
    )
    return _pinned(actor, runtime, "")


def _pinned(actor: Actor, runtime: Runtime, key: str) -> Runtime:
    before = runtime.pinned
    if before == key:
        return runtime
    runtime.pinned = key
    write(runtime, "pinned")
    audit.record(
        "runtime.pin" if key else "runtime.unpin",
        actor=actor,
        tenant_id=runtime.tenant_id,
        target_type="runtime",
        target_id=runtime.id,
        changes={"name": runtime.name, "release": {"before": before, "after": key}},
    )
    return runtime
