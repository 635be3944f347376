"""The fields of what FinOps does with statements, as they were typed. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option

KINDS = (("Credit", "Credit: gives back"), ("Adjustment", "Adjustment: either way"))


def draft_fields(typed: Mapping[str, str]) -> list[Field]:
    """Return the question whose month is drafted."""
    return [_tenant(typed), _text(typed, "month", "Month", "As 2026-10.")]


def seal_fields(typed: Mapping[str, str], month: str) -> list[Field]:
    """Return the question that is the safety catch of sealing."""
    return [_text(typed, "confirm", "Month of the statement", f"Type {month} to confirm.")]


def adjustment_fields(typed: Mapping[str, str]) -> list[Field]:
    """Return the questions about an amount that is given back or added."""
    kind = typed.get("category", "")
    options = [Option(key, title, chosen=key == kind) for key, title in KINDS]
    return [
        _tenant(typed),
        Field("select", "category", "Kind", options=options),
        _text(typed, "amount", "Amount", "A credit is negative, such as -12.50."),
        _text(typed, "currency", "Currency", "The statement's.", value="EUR"),
        _text(typed, "title", "Title", "The tenant reads it on the statement."),
        _text(typed, "reason", "Reason", "It stands in the audit trail."),
    ]


def _tenant(typed: Mapping[str, str]) -> Field:
    return _text(typed, "tenant", "Tenant", "Its slug, such as archipel.")


def _text(typed: Mapping[str, str], name: str, title: str, help_: str, *, value: str = "") -> Field:
    return Field("text", name, title, help_, value=clean(typed.get(name, value)), required=True)
