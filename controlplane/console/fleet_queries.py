"""What the fleet's pages ask of the database beside the rollouts' own reading: one screen each, whatever the fleet's size."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL
from django.http import QueryDict

from controlplane.catalog.facts import snapshot
from controlplane.console.queries import PAGE_SIZE, Page, newest_first
from controlplane.console.visitor import Visitor
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.prepared import rows
from controlplane.tenants.models import Account, AuditEvent, Tenant
from provisioner.landscapes.models import Landscape
from provisioner.observer.models import Drift
from provisioner.rollouts import reading
from provisioner.rollouts.models import Target
from provisioner.rollouts.permitted import may_read
from provisioner.rollouts.services import Choice
from provisioner.rollouts.signatures import of_signature
from provisioner.runtimes.counting import Apart, Standing, fleet_apart, fleet_standing
from provisioner.runtimes.finding import first_labelled, words_begin
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Phase

LONGEST = 100
MOST_COUNTED = 1000
STUCK_MINUTES = 15
HEAVY = ("spec", "landscape__config", "landscape__credentials_sealed")

# Open operations whose step began long ago, the oldest first. Reads what is open, not the fleet. Rides on operation_one_per_slot.
STUCK = """
SELECT o.id, o.kind, o.step, o.reason, o.error_code, o.step_started_at, o.state, r.id AS runtime_id, r.name, t.slug AS tenant,
    count(*) OVER ()::int AS stuck
FROM operations_operation o JOIN runtimes_runtime r ON r.id = o.runtime_id JOIN tenants_tenant t ON t.id = o.tenant_id
WHERE o.slot = 'active' AND o.step_started_at < now() - make_interval(mins => %(minutes)s::int)
ORDER BY o.step_started_at LIMIT %(most)s::int"""

# Failed runtimes and open operations in trouble, by their error: at most so many of them are looked at.
# Rides on runtime_pages_of_phase, operation_of_runtime and operation_one_per_slot.
ERRORS = """
SELECT code, kind, step, audience, count(*)::int AS runtimes, min(at) AS first_at, max(at) AS last_at, max(message) AS sample,
    (array_agg(name ORDER BY at DESC))[1:3] AS names, (array_agg(id ORDER BY at DESC))[1:3] AS ids
FROM (
    (SELECT o.error_code AS code, o.kind, o.step, o.error_audience AS audience, o.finished_at AS at, o.error_message AS message,
         r.name, r.id
     FROM (SELECT id, name FROM runtimes_runtime WHERE phase = 'failed' ORDER BY id DESC LIMIT %(most)s::int) r
     JOIN LATERAL (
         SELECT * FROM operations_operation x WHERE x.runtime_id = r.id AND x.state = 'failed' ORDER BY x.id DESC LIMIT 1
     ) o ON true)
    UNION ALL
    (SELECT o.error_code, o.kind, o.step, o.error_audience, o.step_started_at, o.error_message, r.name, r.id
     FROM operations_operation o JOIN runtimes_runtime r ON r.id = o.runtime_id
     WHERE o.slot = 'active' AND o.error_code <> '' LIMIT %(most)s::int)
) e
GROUP BY 1, 2, 3, 4 ORDER BY 5 DESC, 1 LIMIT 20"""

# How many present runtimes follow each channel, counted up to so many. Rides on runtime_by_channel.
FOLLOWING = """
SELECT c.key, (
    SELECT count(*) FROM (
        SELECT 1 FROM runtimes_runtime r WHERE r.channel = c.key AND r.deleted_at IS NULL LIMIT %(most)s::int
    ) followers
)::int AS runtimes
FROM unnest(%(channels)s::text[]) AS c(key) ORDER BY 1"""


def standing(actor: Actor) -> Sequence[Standing]:
    """How many present runtimes stand in each phase, on each release, in each situation."""
    may_read(actor)
    return fleet_standing()


def following(actor: Actor, channels: Sequence[str]) -> dict[str, int]:
    """How many runtimes follow each of these channels, counted up to one more than MOST_COUNTED."""
    may_read(actor)
    found = rows(FOLLOWING, {"channels": list(channels), "most": MOST_COUNTED + 1})
    return {row["key"]: row["runtimes"] for row in found}


def pinned_to(actor: Actor, release: str) -> int:
    """How many runtimes their own people keep on a release, counted likewise. Rides on runtime_by_pin."""
    may_read(actor)
    found = Runtime.objects.filter(pinned=release, deleted_at__isnull=True)
    return found.order_by()[: MOST_COUNTED + 1].count()


def stuck_operations(actor: Actor, most: int = 10) -> list[dict[str, Any]]:
    """Operations in one step for long, the oldest first; each says how many there are."""
    may_read(actor)
    return rows(STUCK, {"minutes": STUCK_MINUTES, "most": most})


def error_groups(actor: Actor) -> list[dict[str, Any]]:
    """What fails now, by code and step, the most frequent first."""
    may_read(actor)
    return rows(ERRORS, {"most": MOST_COUNTED})


def landscapes(actor: Actor) -> list[Landscape]:
    """Every landscape, those in trouble first."""
    may_read(actor)
    found = Landscape.objects.defer("config", "credentials_sealed")
    return sorted(found, key=lambda one: (one.breaker == "closed", one.key))


def drift_of(runtime: Runtime) -> list[str]:
    """What of its cluster is not as we said, in the landscape's words."""
    found: list[str] | None = Drift.objects.filter(pk=runtime.pk).values_list("fields", flat=True).first()
    return found or []


def acts_on(visitor: Visitor, runtime: Runtime, most: int) -> list[AuditEvent]:
    """What people did to it last, or were refused, for whoever may read the audit trail. Rides on audit_of_target."""
    if not visitor.may_audit:
        return []
    return list(AuditEvent.objects.filter(target_id=str(runtime.pk)).order_by("-id")[:most])


def landscape_keys() -> dict[str, str]:
    """Keys of landscapes by their id."""
    return {str(pk): key for pk, key in Landscape.objects.values_list("pk", "key")}


def chosen_targets(actor: Actor, rollout_id: UUID, choice: Choice) -> tuple[list[Target], int]:
    """The first few targets that a choice means, and how many, counted up to MOST_COUNTED."""
    may_read(actor)
    wanted = Q(rollout=rollout_id)
    if choice.target_ids:
        wanted &= Q(pk__in=list(choice.target_ids))
    for name in ("state", "reason_code"):
        if value := getattr(choice, name):
            wanted &= Q(**{name: value})
    if choice.signature:
        wanted &= of_signature(choice.signature)
    found = Target.objects.filter(wanted)
    first = found.select_related("runtime__tenant", "stage").defer(*reading.HEAVY)
    return list(first.order_by("position")[:10]), found.order_by()[: MOST_COUNTED + 1].count()


@dataclass(frozen=True)
class FleetFilters:
    """What the search over every runtime is narrowed by; empty narrows nothing."""

    q: str = ""
    phase: str = ""
    health: str = ""  # a landscape's situation
    release: str = ""
    kubernetes: str = ""
    plan: str = ""
    region: str = ""
    tenant: str = ""
    landscape: str = ""
    label: str = ""
    channel: str = ""
    pinned: str = ""  # the release that its own people keep it on
    after: UUID | None = None
    before: UUID | None = None

    @classmethod
    def read(cls, query: QueryDict) -> FleetFilters:
        """Read an address."""
        names = [one.name for one in fields(cls) if one.name not in {"after", "before"}]
        words = {name: query.get(name, "").replace("\0", "").strip()[:LONGEST] for name in names}
        edges = {name: parse_uuid(query.get(name, "")) for name in ("after", "before")}
        return cls(**words, **edges)  # type: ignore[arg-type]

    def query(self, **changes: object) -> str:
        """Return the address's query with some of it changed."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        told = {one.name: getattr(changed, one.name) for one in fields(changed)}
        return urlencode({name: value for name, value in told.items() if value})

    @property
    def narrowing(self) -> bool:
        """Whether anything is filtered out."""
        return bool(replace(self, after=None, before=None).query())

    def narrow(self, found: QuerySet[Runtime]) -> QuerySet[Runtime]:
        """Apply every filter but a label with its value; the removed ones are shown only when asked for."""
        found = found if self.phase == Phase.DEPROVISIONED else found.filter(deleted_at__isnull=True)
        plain = {
            "phase": self.phase, "situation": self.health, "release_key": self.release, "plan": self.plan, "region": self.region,
            "tenant__slug": self.tenant, "landscape__key": self.landscape,
            "channel": self.channel, "pinned": self.pinned,
        }  # fmt: skip
        found = found.filter(**{name: value for name, value in plain.items() if value})
        if self.label and "=" not in self.label:
            found = found.filter(labels__has_key=self.label)
        return found

    def parted(self, found: QuerySet[Runtime]) -> list[QuerySet[Runtime]]:
        """The same in as many parts as there are ways to be on a Kubernetes version, each over its own index."""
        return (
            [found.filter(one) for one in _with_kubernetes(self.kubernetes)] if self.kubernetes else [found]
        )

    @property
    def labels(self) -> dict[str, str]:
        """The label that is asked for with its value."""
        key, equals, value = self.label.partition("=")
        return {key: value} if equals else {}

    @property
    def searched_labels(self) -> dict[str, str]:
        """The same where the search is for one."""
        key, equals, value = self.q.partition("=")
        return {key: value} if equals and key else {}

    def searched(self) -> list[Q | RawSQL]:
        """The ways in which a runtime may be meant: by its id, its names, or whom and where it belongs to."""
        if (wanted := parse_uuid(self.q)) is not None:
            return [Q(pk=wanted)]
        word, named = self.q.lower(), words_begin(self.q)
        return [
            *([named] if named else []),
            Q(tenant__in=Tenant.objects.filter(slug=word).values("pk")),
            Q(account__in=Account.objects.filter(slug=word).values("pk")),
            Q(region=word),
            Q(release_key=word),
            *_with_kubernetes(word),
        ]


def kubernetes_apart(actor: Actor) -> Sequence[Apart]:
    """Who was seen with another Kubernetes version than their release's, counted."""
    may_read(actor)
    return fleet_apart()


def _with_kubernetes(version: str) -> list[Q]:
    """The ways to be on a Kubernetes version, 1.34 or 1.34.8: seen with it, or else on a release that has it."""

    def fits(exact: str) -> bool:
        return exact == version or exact.startswith(f"{version}.")

    releases = [one.key for one in snapshot().every_release.values() if fits(one.kubernetes_patch)]
    seen = (
        {one.kubernetes for one in fleet_apart() if fits(one.kubernetes)} if version[:1].isdigit() else set()
    )
    ways = [Q(kubernetes_apart="", release_key__in=releases)] if releases or not seen else []
    return [*ways, Q(kubernetes_apart__in=sorted(seen))] if seen else ways


def fleet_page(actor: Actor, filters: FleetFilters) -> Page[Runtime]:
    """One page of the runtimes that fit, newest first."""
    may_read(actor)
    found, *others = parts = filters.parted(filters.narrow(Runtime.objects.all()))
    if filters.q or filters.labels or others:
        newest = not filters.before
        ids = sorted((one for part in parts for one in _met(part, filters)), reverse=newest)
        found = Runtime.objects.filter(pk__in=ids[: PAGE_SIZE + 1])
    loaded = found.select_related("account", "tenant", "landscape").defer(*HEAVY)
    return newest_first(loaded, after=filters.after, before=filters.before)


def _met(found: QuerySet[Runtime], filters: FleetFilters) -> list[UUID]:
    """Ids of a page of those that any way of the search meets: a page of each way, each over its own index, then of all."""
    if filters.before:
        found, order = found.filter(pk__gt=filters.before), "pk"
    else:
        found, order = (found.filter(pk__lt=filters.after) if filters.after else found), "-pk"
    if filters.q and filters.labels:
        found = found.filter(labels__contains=filters.labels)
    if labels := filters.searched_labels if filters.q else filters.labels:
        return first_labelled(found, labels, newest=not filters.before, most=PAGE_SIZE + 1)
    ways = [
        found.filter(way).order_by(order).values_list("pk", flat=True)[: PAGE_SIZE + 1]
        for way in (filters.searched() if filters.q else [Q()])
    ]
    first, *others = ways
    every = first.union(*others).order_by(order)[: PAGE_SIZE + 1] if others else first
    return list(every)
