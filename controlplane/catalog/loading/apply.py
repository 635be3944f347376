"""The one service that writes the catalog: read, review, compare, refuse what strands, write, in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import IntegrityError, models, transaction
from django.db.models import ProtectedError

from controlplane.catalog import ports
from controlplane.catalog.loading import module_contents, module_sources, releasing
from controlplane.catalog.loading.broker_ids import broken_broker_ids, noted
from controlplane.catalog.loading.catalog import DATA, KINDS, Row, memory_text, read_catalog
from controlplane.catalog.loading.difference import Change, Rows, compare, removals
from controlplane.catalog.loading.module_together import review_together
from controlplane.catalog.loading.review import review_catalog
from controlplane.catalog.models import (
    Channel,
    KubernetesVersion,
    MachineType,
    Module,
    ModuleVersion,
    Plan,
    Region,
    Release,
    Revision,
)
from controlplane.catalog.queries import lock_apply
from controlplane.kernel.clock import utcnow
from controlplane.tenants import audit
from controlplane.tenants.access import Actor

TABLES: dict[str, models.Manager[Any]] = {
    "region": Region.objects,
    "machine_type": MachineType.objects,
    "module": Module.objects,
    "module_version": ModuleVersion.objects,
    "kubernetes_version": KubernetesVersion.objects,
    "release": Release.objects,
    "channel": Channel.objects,
    "plan": Plan.objects,
}
KEYS: dict[str, Callable[[Row], str]] = {
    "region": lambda row: f"{row['provider']}/{row['name']}",
    "machine_type": lambda row: f"{row['provider']}/{row['name']}",
    "kubernetes_version": lambda row: str(row["version"]),
}


class ApplyRefusedError(Exception):
    """The files are right, but applying them would break a promise; nothing was written. `changes` is all that was wanted."""

    def __init__(self, reasons: list[str], changes: Sequence[Change]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = tuple(reasons)
        self.changes = tuple(changes)


@dataclass(frozen=True)
class Applied:
    """What changed, or would change; `revision` is None where nothing was written, `sources` tells what fetched bundles hold.

    `doubts` are why this build would not let in versions that an older one did.
    """

    changes: tuple[Change, ...]
    revision: int | None
    sources: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def apply_catalog(*, actor: Actor, directory: Path = DATA, dry_run: bool = False) -> Applied:
    """Make the tables equal to the files; a second run changes nothing. Not in a transaction: sources are fetched first.

    Raises CatalogInvalidError for wrong files, ApplyRefusedError for a changed release or broker id, stranded runtimes, or bytes
    that another apply dropped meanwhile; a dry run raises them too.
    """
    catalog = read_catalog(directory)
    review_catalog(catalog, today=utcnow().date())
    known = stored_rows()
    fetched = module_sources.fetch_sources(catalog, known)
    review_together(catalog, known, fetched)
    told, doubts = tuple(fetched.summary), tuple(fetched.doubts)
    versions = module_sources.sourced_versions(catalog)
    with transaction.atomic():
        lock_apply()
        before = stored_rows()
        after = releasing.as_people_left_it(before, catalog.rows)
        changes = compare(before, after)
        _refuse_broken_promises(changes, before, after)
        if reasons := module_contents.keep(fetched.contents, versions):
            raise ApplyRefusedError(reasons, changes)
        _write(changes, after, actor)
        module_contents.drop_unnamed(versions)
        if dry_run or not (changes or fetched.contents):
            transaction.set_rollback(
                True
            )  # a dry run writes too, so that it meets whatever the database refuses
            return Applied(tuple(changes), None, told, doubts)
        revision = note(noted(changes, after), actor)
    return Applied(tuple(changes), revision, told, doubts)


def stored_rows() -> Rows:
    """The tables as plain rows, in the shape that `read_catalog` gives the files."""
    rows: dict[str, dict[str, Row]] = {kind: {} for kind in KINDS}
    for kind, table in TABLES.items():
        key_of = KEYS.get(kind, _own_key)
        for row in table.order_by("pk").values():
            plain = _plain(dict(row))
            rows[kind][key_of(plain)] = plain
    return rows


def _own_key(row: Row) -> str:
    return str(row["key"])


def _plain(row: Row) -> Row:
    row.pop("id", None)
    if "memory_gib" in row:
        row["memory_gib"] = memory_text(row["memory_gib"])
    if row.get("expires_on"):
        row["expires_on"] = row["expires_on"].isoformat()
    return releasing.as_in_files(row) if "kubernetes_patch" in row else row


def _refuse_broken_promises(changes: list[Change], before: Rows, after: Rows) -> None:
    reasons = releasing.broken_releases(changes, before)
    reasons += broken_broker_ids(before, after)
    reasons += module_sources.broken_versions(before, after)
    gone = removals(before, after)
    for stranded in ports.in_use(gone) if gone else ():
        named = f" ({', '.join(stranded.examples)})" if stranded.examples else ""
        reasons.append(
            f"{stranded.removal} is in use by {stranded.runtimes} runtime(s){named}; keep it until they have moved."
        )
    if reasons:
        raise ApplyRefusedError(reasons, changes)


def _write(changes: Sequence[Change], after: Rows, actor: Actor) -> None:
    for change in changes:
        try:
            _write_one(change, after, actor)
        except ProtectedError as error:
            kind = change.kind.replace("_", " ")
            remedy = "set its state to retired instead" if change.kind == "plan" else "keep its entry"
            raise ApplyRefusedError(
                [f"{kind} {change.key} is still referred to by records of runtimes; {remedy}."], changes
            ) from error
        except IntegrityError as error:
            raise ApplyRefusedError([module_contents.refusal_of(error)], changes) from error


def _write_one(change: Change, after: Rows, actor: Actor) -> None:
    table = TABLES[change.kind]
    if change.action == "remove":
        table.filter(**_identity(change)).delete()
        return
    values = after[change.kind][change.key]
    if change.kind == "release":
        values = releasing.as_in_table(values, change, actor)
    if change.action == "add":
        table.create(**values)
    else:
        table.filter(**_identity(change)).update(**values)


def _identity(change: Change) -> dict[str, Any]:
    if change.kind in ("region", "machine_type"):
        provider, _, name = change.key.partition("/")
        return {"provider": provider, "name": name}
    return {"pk": change.key}


def note(listed: list[dict[str, str]], actor: Actor) -> int:
    """Begin a new revision, which every process's cache is keyed by, and leave the audit row."""
    revision = Revision.objects.create(applied_at=utcnow(), applied_by=actor.name[:200], changes=listed)
    audit.record(
        "catalog.apply",
        actor=actor,
        tenant_id=None,
        target_type="catalog",
        target_id=revision.number,
        changes={"changes": listed},
    )
    return revision.number
