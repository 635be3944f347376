"""Hands out the price rules by key."""

from __future__ import annotations

from billing.pricing.fields import Fields
from billing.pricing.rules.base import PriceRule, RuleKind
from controlplane.kernel.plugins import load


def rules() -> dict[str, RuleKind]:
    """Return every kind of rule by its key."""
    found: dict[str, RuleKind] = load("billing.pricing.rules", "RULE")
    return found


def parse_rule(fields: Fields) -> PriceRule | None:
    """Return the rule that a part of a book states; None, with faults noted, where it states none."""
    name = fields.data.get("rule")
    kind = rules().get(name) if isinstance(name, str) else None
    if kind is None:
        known = ", ".join(sorted(rules()))
        fields.fault("rule", "rule_unknown", f"there is no price rule {name}; choose one of {known}.")
        return None
    fields.only(("rule", *kind.fields))
    before = len(fields.faults)
    rule = kind.parse(fields)
    return rule if len(fields.faults) == before else None
