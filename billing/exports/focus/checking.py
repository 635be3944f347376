"""Holds a whole file against the rules before anybody gets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from billing.exports.focus.columns import Dataset, Form, Row, columns_of
from billing.exports.focus.rules import Violation, rules_of

MOST = 100  # violations that are told; the rest is counted
KEYS: dict[Form, tuple[str, ...]] = {  # what tells one row from another, where it is not the charge
    Dataset.BILLING_PERIOD: ("InvoiceIssuerName", "BillingPeriodStart"),
    Dataset.INVOICE_DETAIL: ("InvoiceId", "InvoiceDetailId"),
}
NOUNS = {"x_ChargeId": "The charge", "BillingPeriodStart": "The month of", "InvoiceDetailId": "The line"}


@dataclass(slots=True)
class Verdict:
    """What came of a check."""

    rows: int = 0
    broken: int = 0  # how many violations there are
    violations: list[Violation] = field(default_factory=list)  # the first of them

    def add(self, violation: Violation) -> None:
        """Note a violation."""
        self.broken += 1
        if len(self.violations) < MOST:
            self.violations.append(violation)

    @property
    def holds(self) -> bool:
        """Whether the file may be handed over."""
        return not self.broken


def check(header: Sequence[str], rows: Iterable[Row], form: Form) -> Verdict:
    """Judge a file: its columns, each row by itself, and that no charge stands in it twice.

    Sixteen bytes a row are kept to find what stands twice, whatever is in the rows.
    """
    verdict, rules, keys = Verdict(), rules_of(form), KEYS.get(form, ("x_ChargeId",))
    wanted = [column.name for column in columns_of(form)]
    for name in (name for name in wanted if name not in header):
        verdict.add(Violation("File-ColumnPresent", 0, name, f"The file has no column {name}."))
    for name in (name for name in header if name not in wanted):
        verdict.add(Violation("File-ColumnKnown", 0, name, f"FOCUS {form} has no column {name}."))
    first_custom = next((n for n, name in enumerate(header) if name.startswith("x_")), len(header))
    for name in (name for name in header[first_custom:] if not name.startswith("x_")):
        verdict.add(Violation("File-CustomColumnsLast", 0, name, f"{name} stands behind a custom column."))
    seen: set[bytes] = set()
    for row in rows:
        verdict.rows += 1
        for rule in rules:
            if (detail := rule.judge(row)) is not None:
                verdict.add(Violation(rule.name, verdict.rows, rule.column, detail))
        named = [str(row.get(column)) for column in keys]
        key = blake2b("\0".join(named).encode(), digest_size=16).digest()
        if key in seen:
            detail = f"{NOUNS[keys[-1]]} {named[-1]} stands in the file twice."
            verdict.add(Violation(f"{keys[-1]}-Once", verdict.rows, keys[-1], detail))
        seen.add(key)
    return verdict
