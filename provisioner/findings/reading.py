"""Findings as people see them: of one runtime with their waivers, and grouped over the fleet."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Case, Exists, F, OuterRef, Q, QuerySet, Value, When
from django.db.models.functions import Concat

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.isolation import prepared
from provisioner.findings import queries
from provisioner.findings.models import Check, Finding, FindingWaiver
from provisioner.findings.rules.base import Rule, Severity
from provisioner.findings.rules.registry import all_rules
from provisioner.runtimes.models import Runtime

_ORDER = {Severity.BLOCKING.value: 0, Severity.WARNING.value: 1, Severity.INFO.value: 2}


@dataclass(frozen=True)
class Sight:
    """One finding, its rule, and who answers for it."""

    row: Finding
    rule: Rule
    waiver: FindingWaiver | None


@dataclass(frozen=True)
class Standing:
    """What is known of one runtime; `looked_at` is None before the first look."""

    sights: tuple[Sight, ...]
    looked_at: datetime | None = None
    partial: tuple[str, ...] = ()
    problem: str = ""


@dataclass(frozen=True)
class Group:
    """Findings of one rule and severity, over the fleet."""

    key: str
    rule: Rule
    severity: str
    audience: str
    findings: int
    runtimes: int
    tenants: int
    waived: int
    since: datetime


def not_waived(rows: QuerySet[Finding]) -> QuerySet[Finding]:
    """Return those for which nobody answers now."""
    place = Case(
        When(namespace="", then=Concat(F("kind"), Value(" "), F("name"))),
        default=Concat(F("kind"), Value(" "), F("namespace"), Value("/"), F("name")),
    )
    waivers = FindingWaiver.objects.filter(
        Q(place="") | Q(place=OuterRef("said")),
        runtime=OuterRef("runtime"),
        rule=OuterRef("rule"),
        revoked_at=None,
        expires_at__gt=utcnow(),
    )
    return rows.alias(said=place).exclude(Exists(waivers))


def standing_of(runtime: Runtime) -> Standing:
    """Return what was found in one runtime, the worst first; three statements. Who may see the runtime may see this."""
    known = all_rules()
    rows = list(Finding.objects.filter(runtime=runtime, rule__in=list(known)))
    waivers = waivers_of(runtime) if rows else {}
    sights = [
        Sight(row, known[row.rule], waivers.get((row.rule, row.place)) or waivers.get((row.rule, "")))
        for row in rows
    ]
    sights.sort(key=lambda one: (_ORDER[one.row.severity], one.row.rule, one.row.place))
    check: Check | None = Check.objects.filter(pk=runtime.pk).first()
    if check is None:
        return Standing(tuple(sights))
    return Standing(tuple(sights), check.looked_at, tuple(check.partial), check.problem)


def waivers_of(runtime: Runtime) -> Mapping[tuple[str, str], FindingWaiver]:
    """Return the waivers in force, by rule and place."""
    rows = FindingWaiver.objects.filter(runtime=runtime, revoked_at=None, expires_at__gt=utcnow())
    return {(row.rule, row.place): row for row in rows}


def may_read_fleet(actor: Actor) -> None:
    """Refuse whoever is not of the platform's team."""
    if not (actor.sees_every_tenant and actor.may(Permission.ROLLOUT_READ)):
        raise Refused("forbidden", "Only the platform's team sees findings of every tenant.", status=403)


def fleet_groups(*, actor: Actor) -> list[Group]:
    """Return the fleet's findings by rule and severity, the worst first; one statement. Raises Refused forbidden 403."""
    may_read_fleet(actor)
    known = all_rules()
    found = [(row.pop("rule"), row) for row in prepared.rows(queries.GROUPS, {})]
    return [Group(key, known[key], **counts) for key, counts in found if key in known]


def fleet_findings(*, actor: Actor, rule: str = "") -> QuerySet[Finding]:
    """Return the findings of a rule, or all, to be paged; raises Refused forbidden 403."""
    may_read_fleet(actor)
    rows = Finding.objects.filter(runtime__deleted_at=None).select_related("runtime", "runtime__tenant")
    return rows.filter(rule=rule) if rule else rows


def the_finding(*, actor: Actor, finding_id: UUID) -> Finding:
    """Return one of any runtime; raises Refused forbidden 403, finding_not_found 404."""
    row: Finding | None = fleet_findings(actor=actor).filter(pk=finding_id).first()
    if row is None:
        raise Refused("finding_not_found", f"There is no finding {finding_id} any more.", status=404)
    return row
