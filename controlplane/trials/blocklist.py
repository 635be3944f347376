"""Rules of the platform's team against abuse: who gets no trial."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from ipaddress import ip_address, ip_network
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.trials.addresses import Address, read_address
from controlplane.trials.models import Rule

MOST_COMPANY_RULES = 500  # they are compared one by one


@dataclass(frozen=True)
class Asker:
    """Who asks for a trial, as rules see them."""

    address: Address
    company: str
    client: str  # IP address


def is_blocked(asker: Asker) -> bool:
    """Whether a rule that is in force keeps this asker out."""
    labels = asker.address.domain.split(".")
    domains = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    in_force = Rule.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=utcnow()))
    exact = Q(kind="email", pattern=asker.address.person.hex()) | Q(kind="domain", pattern__in=domains)
    if in_force.filter(exact).exists():
        return True
    # Networks and patterns are few, and no index knows them.
    rules = in_force.filter(kind__in=["network", "company"]).values_list("kind", "pattern")
    return any(_matches(kind, pattern, asker) for kind, pattern in rules[: 2 * MOST_COMPANY_RULES])


def _matches(kind: str, pattern: str, asker: Asker) -> bool:
    if kind == "company":
        return fnmatchcase(asker.company.casefold(), pattern)
    try:
        return ip_address(asker.client) in ip_network(pattern)
    except ValueError:
        return False


@transaction.atomic
def add_rule(*, actor: Actor, kind: str, pattern: str, why: str, expires_at: datetime | None) -> Rule:
    """Keep somebody out from now on; raises Refused: forbidden, rule_invalid, rule_exists."""
    require_manager(actor)
    normal = _normal(kind, pattern.strip())
    if not why.strip():
        raise Refused("rule_invalid", "why must say the reason: others will ask.", field="why")
    if expires_at is not None and expires_at <= utcnow():
        raise Refused("rule_invalid", "days must be more than 0, or empty.", field="days")
    rule, created = Rule.objects.get_or_create(
        kind=kind,
        pattern=normal,
        defaults={
            "shown": pattern.strip()[:254],
            "why": why.strip()[:200],
            "created_by": actor.name,
            "created_at": utcnow(),
            "expires_at": expires_at,
        },
    )
    if not created:
        raise Refused("rule_exists", "There is such a rule already.", field="pattern", status=409)
    audit.record(
        "trial.rule.add",
        actor=actor,
        tenant_id=None,
        target_type="trial-rule",
        target_id=rule.id,
        changes={"kind": kind, "pattern": rule.shown, "why": rule.why},
    )
    return rule


@transaction.atomic
def lift_rule(*, actor: Actor, rule_id: UUID) -> None:
    """Let somebody in again; raises Refused: forbidden, rule_not_found."""
    require_manager(actor)
    rule = Rule.objects.filter(pk=rule_id).select_for_update().first()
    if rule is None:
        raise Refused("rule_not_found", "There is no such rule; somebody has lifted it already.", status=404)
    audit.record(
        "trial.rule.lift",
        actor=actor,
        tenant_id=None,
        target_type="trial-rule",
        target_id=rule.id,
        changes={"kind": rule.kind, "pattern": rule.shown},
    )
    rule.delete()


def require_manager(actor: Actor) -> None:
    """Raise Refused forbidden unless the actor may manage everybody's trials."""
    if not actor.may(Permission.TRIAL_MANAGE):
        raise Refused("forbidden", "Only platform admins manage trials; ask one.", status=403)


def _normal(kind: str, pattern: str) -> str:
    try:
        if kind == "email":
            return read_address(pattern).person.hex()
        if kind == "domain":
            return read_address(f"x@{pattern.removeprefix('@')}").domain
        if kind == "network":
            return str(ip_network(pattern, strict=False))
    except (Refused, ValueError) as error:
        detail = f"pattern must be a whole {kind}, for example {_EXAMPLES.get(kind, '')}."
        raise Refused("rule_invalid", detail, field="pattern") from error
    if kind == "company" and pattern.replace("*", "").replace("?", "").strip():
        return pattern.casefold()
    detail = f"pattern must name something, for example {_EXAMPLES['company']}."
    raise Refused("rule_invalid", detail, field="pattern")


_EXAMPLES = {
    "email": "eve@example.org",
    "domain": "example.org",
    "network": "203.0.113.0/24",
    "company": "*crypto*",
}
