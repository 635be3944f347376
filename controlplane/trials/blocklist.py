"""Rules of the platform's team against abuse: who gets no trial."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from fnmatch import fnmatchcase
from ipaddress import IPv6Address, ip_address, ip_network
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, Permission
from controlplane.trials.addresses import Address, masked, read_address
from controlplane.trials.models import Rule

LITERAL = 12  # characters of a pattern's longest plain part that find it
_WILD = re.compile(r"[*?]+")


@dataclass(frozen=True)
class Asker:
    """Who asks for a trial, as rules see them."""

    address: Address
    company: str
    client: str  # IP address


def is_blocked(asker: Asker) -> bool:
    """Whether a rule that is in force keeps this asker out."""
    in_force = Rule.objects.filter(Q(expires_at__isnull=True) | Q(expires_at__gt=utcnow()))
    exact = (
        Q(kind="email", pattern=asker.address.person.hex())
        | Q(kind="domain", pattern__in=_domains(asker.address.domain))
        | Q(kind="network", pattern__in=_networks(asker.client))
    )
    if in_force.filter(exact).exists():
        return True
    name = asker.company.casefold()
    patterns = in_force.filter(kind="company", literal__in=_parts(name)).values_list("pattern", flat=True)
    return any(_matches(name, pattern) for pattern in patterns.iterator())


def literal_of(pattern: str) -> str:
    """Return how the longest plain part of a company's pattern begins: whatever it matches contains that."""
    return max(_WILD.split(pattern), key=len)[:LITERAL]


def _domains(domain: str) -> list[str]:
    labels = domain.split(".")
    return [".".join(labels[start:]) for start in range(len(labels) - 1)]


def _networks(client: str) -> list[str]:
    """Return every network that the address is in, as rules write them."""
    try:
        address = ip_address(client)
    except ValueError:
        return []
    if isinstance(address, IPv6Address):
        address = address.ipv4_mapped or address
    return [str(ip_network((address, length), strict=False)) for length in range(address.max_prefixlen + 1)]


def _parts(name: str) -> set[str]:
    """Return every literal that a pattern of this name may have; at most some 1,400 for the longest name."""
    return {name[start : start + size] for start in range(len(name)) for size in range(1, LITERAL + 1)}


def _matches(name: str, pattern: str) -> bool:
    return fnmatchcase(name, pattern.replace("[", "[[]"))  # brackets mean themselves


@transaction.atomic
def add_rule(*, actor: Actor, kind: str, pattern: str, why: str, expires_at: datetime | None) -> Rule:
    """Keep somebody out from now on; raises Refused: forbidden, rule_invalid, rule_exists."""
    require_manager(actor)
    normal = _normal(kind, pattern.strip())
    if not why.strip():
        raise Refused("rule_invalid", "why must say the reason: others will ask.", field="why")
    if expires_at is not None and expires_at <= utcnow():
        raise Refused("rule_invalid", "days must be more than 0, or empty.", field="days")
    Rule.objects.filter(kind=kind, pattern=normal, expires_at__lte=utcnow()).delete()
    rule, created = Rule.objects.get_or_create(
        kind=kind,
        pattern=normal,
        defaults={
            "literal": literal_of(normal) if kind == "company" else "",
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
        changes={"kind": kind, "pattern": _told(rule), "why": rule.why},
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
        changes={"kind": rule.kind, "pattern": _told(rule)},
    )
    rule.delete()


def require_manager(actor: Actor) -> None:
    """Raise Refused forbidden unless the actor may manage everybody's trials."""
    if not actor.may(Permission.TRIAL_MANAGE):
        raise Refused("forbidden", "Only platform admins manage trials; ask one.", status=403)


def _told(rule: Rule) -> str:
    """Return a rule's pattern for the audit trail, which never forgets: no whole address."""
    return masked(rule.shown) if rule.kind == Rule.Kind.EMAIL else rule.shown


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
