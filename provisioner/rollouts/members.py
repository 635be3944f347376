"""The runtimes that a rollout could be for, and the words that a selector may use of them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from controlplane.catalog.facts import Snapshot, snapshot
from controlplane.catalog.hops import order_of
from controlplane.catalog.models import Plan
from controlplane.catalog.plans import ReleaseFacts
from controlplane.tenants.isolation.prepared import rows
from controlplane.tenants.models import Account, Tenant
from provisioner.landscapes.models import Landscape
from provisioner.rollouts import queries
from provisioner.rollouts.selector import Member
from provisioner.runtimes.models import Runtime


def candidates(release: str) -> list[Member]:
    """Return every present runtime that is not on the release: reads the fleet once, for plans and starts only."""
    return _members(queries.MEMBERS.format(narrowed=""), {"release": release})


def not_members_yet(release: str, rollout_id: UUID) -> list[Member]:
    """Return those that are in no place of the rollout."""
    sql = queries.MEMBERS.format(narrowed=queries.NOT_MEMBERS_YET)
    return _members(sql, {"release": release, "rollout": rollout_id})


def ahead_of(release: ReleaseFacts) -> set[str]:
    """Return the releases that are newer: whoever runs one of them needs nothing from a rollout of this one."""
    return {one.key for one in snapshot().every_release.values() if order_of(one) > order_of(release)}


def known_words() -> Mapping[str, Collection[str]]:
    """Return the values that exist, by the selector's keys; a label's keys under `label`."""
    present = Runtime.objects.filter(deleted_at__isnull=True)
    catalog = snapshot()
    return {
        "plan": set(Plan.objects.values_list("key", flat=True)),
        "region": set(present.values_list("region", flat=True).distinct()),
        "landscape": set(Landscape.objects.values_list("key", flat=True)),
        "tenant": set(Tenant.objects.values_list("slug", flat=True)),
        "account": set(Account.objects.values_list("slug", flat=True)),
        "channel": set(catalog.releases),
        "release": set(catalog.every_release) | set(present.values_list("release_key", flat=True).distinct()),
        "kubernetes": _versions(catalog),
        "label": _label_keys(),
    }


def _versions(catalog: Snapshot) -> set[str]:
    """Return every Kubernetes that a release has, with and without its patch."""
    patches = {one.kubernetes_patch for one in catalog.every_release.values()}
    return patches | {".".join(patch.split(".")[:2]) for patch in patches}


def _label_keys() -> set[str]:
    found = rows(
        "SELECT DISTINCT jsonb_object_keys(labels) AS key FROM runtimes_runtime WHERE deleted_at IS NULL AND labels <> '{}'",
        {},
    )
    return {row["key"] for row in found}


def _members(sql: str, params: Mapping[str, Any]) -> list[Member]:
    return [
        Member(
            runtime_id=row["id"],
            tenant_id=row["tenant_id"],
            tenant=row["tenant"],
            account=row["account"],
            name=row["name"],
            plan=row["plan_id"],
            region=row["region"],
            landscape=row["landscape"],
            landscape_id=row["landscape_id"],
            channel=row["channel"],
            release=row["release_key"],
            kubernetes=row["kubernetes"],
            labels=json.loads(row["labels"]),
            healthy=row["healthy"],
            pinned=row["pinned"],
            suspended=row["suspended"],
            unbuilt=row["unbuilt"],
            architectures=tuple(row["architectures"] or ()),
        )
        for row in rows(sql, params)
    ]
