"""Compares landscapes with the database: clusters of ours that no living runtime owns, runtimes whose cluster is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now

from controlplane.kernel.errors import Fatal, Refused, Retry
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.drivers.base import ClusterRef, Driver, LandscapeAccess, Observed
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle.repair import mark_missing
from provisioner.observer import queries
from provisioner.observer.changes import runtime_of

log = structlog.get_logger(__name__)

MOST_NAMES = 20  # kept of an audit
FEW = 10


@dataclass(frozen=True)
class Comparison:
    """One landscape against the database, as of `began`."""

    began: datetime
    clusters: int
    orphans: list[str]  # those without our label among them, whoever's they are
    missing: list[UUID]
    unlabelled: list[str]  # made by us and out of the watch's sight


def is_believable(*, missing: int, present: int) -> bool:
    """Say whether a list may be right that lacks so many clusters: of more than a few, at most half.

    Beyond that the list says more about the landscape (restored, or reached with another project's credentials) than about
    the clusters, and a person must look before thousands of runtimes are told failed.
    """
    return missing <= max(FEW, present)


def compare(landscape: Landscape) -> Comparison:
    """List the landscape now, page by page, and compare it in two statements; raises what its driver raises."""
    began = _present()
    clusters = _driver(landscape).inventory()
    listed = [(runtime_of(cluster), cluster.name) for cluster in clusters]
    foreign = {cluster.name for cluster in clusters if cluster.foreign}
    unlabelled = sorted({cluster.name for cluster in clusters if not cluster.tagged} - foreign)
    orphans = sorted({*queries.unowned(landscape.id, listed, began=began), *unlabelled} - foreign)
    missing = queries.without_cluster(landscape.id, listed, began=began)
    return Comparison(began, len(listed), orphans, missing, unlabelled)


def audit_landscape(landscape: Landscape) -> Comparison:
    """Compare, keep what was found on the landscape's row, and fail runtimes without a cluster; raises as `compare`."""
    found = compare(landscape)
    Landscape.objects.filter(pk=landscape.pk).update(
        orphans=found.orphans[:MOST_NAMES],
        orphans_count=len(found.orphans),
        missing_count=len(found.missing),
        audited_at=Now(),
    )
    told = log.bind(
        landscape=landscape.key,
        clusters=found.clusters,
        orphans=len(found.orphans),
        missing=len(found.missing),
        unlabelled=found.unlabelled[:MOST_NAMES],
    )
    if not is_believable(missing=len(found.missing), present=found.clusters):
        told.error("observer.list_not_believed")
    else:
        mark_missing(runtime_ids=found.missing, untouched_since=found.began)
        (told.warning if found.orphans or found.missing else told.info)("observer.audited")
    return found


def remove_orphan(*, actor: Actor, landscape: Landscape, name: str) -> Observed:
    """Ask for the removal of a cluster that we made and that belongs to no living runtime; asked again, go on with it.

    The landscape is asked anew, and only the very owner seen here is removed. Raises Refused, and what the driver raises.
    """
    began = _present()
    driver = _driver(landscape)
    cluster = next((each for each in driver.inventory() if each.name == name), None)
    if cluster is None:
        raise Refused(
            "cluster_not_found", f"{landscape.key} has no cluster of ours named {name}.", status=404
        )
    if cluster.foreign:
        detail = f"{name} belongs to another installation that shares this landscape: remove it there."
        raise Refused("cluster_foreign", detail, status=409)
    owner = str(cluster.owner.get("runtime") or "")
    if not owner:
        detail = f"{name} does not say whose it is: set its owner label in the landscape, or remove it there."
        raise Refused("cluster_unlabelled", detail, status=409)
    if not queries.unowned(landscape.id, [(parse_uuid(owner), name)], began=began):
        detail = f"{name} belongs to a living runtime: delete that runtime instead."
        raise Refused("cluster_owned", detail, status=409)
    _audit_removal(actor, landscape, name, owner)
    return driver.ensure_absent(ClusterRef(name, owner=owner))


@transaction.atomic
def _audit_removal(actor: Actor, landscape: Landscape, name: str, owner: str) -> None:
    audit.record(
        "orphan.remove",
        actor=actor,
        tenant_id=None,
        target_type="landscape",
        target_id=landscape.key,
        changes={"cluster": name, "owner": owner},
    )


def _driver(landscape: Landscape) -> Driver:
    access = LandscapeAccess.of(landscape, timeout_seconds=settings.LANDSCAPE_TIMEOUT_SECONDS)
    return connect(kind=landscape.kind, access=access)


def _present() -> datetime:
    """The database's clock, because its rows are compared with it."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        moment: datetime = cursor.fetchone()[0]
    return moment


def audit_due() -> int:
    """Audit the landscapes whose time has come, one after another; return how many answered. Any number of copies may run.

    One that does not answer is told, and left for a later time.
    """
    seconds = settings.AUDIT_SECONDS
    answered = 0
    for landscape in Landscape.objects.filter(pk__in=queries.due_audits(seconds)).order_by("key"):
        if not queries.begin_audit(landscape.pk, seconds):
            continue
        try:
            audit_landscape(landscape)
            answered += 1
        except (Retry, Fatal) as error:
            log.warning(
                "observer.audit_unanswered", landscape=landscape.key, error=str(error), code=error.code
            )
    return answered
