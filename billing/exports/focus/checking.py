"""Holds a whole file against the rules before anybody gets it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from billing.exports.focus.columns import Row, Version, columns_of
from billing.exports.focus.rules import Violation, rules_of

MOST = 100  # violations that are told; the rest is counted


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


def check(header: Sequence[str], rows: Iterable[Row], version: Version) -> Verdict:
    """Judge a file: its columns, each row by itself, and that no charge stands in it twice.

    Sixteen bytes a row are kept to find what stands twice, whatever is in the rows.
    """
    verdict, rules = Verdict(), rules_of(version)
    wanted = [column.name for column in columns_of(version)]
    for name in (name for name in wanted if name not in header):
        verdict.add(Violation("File-ColumnPresent", 0, name, f"The file has no column {name}."))
    for name in (name for name in header if name not in wanted):
        verdict.add(Violation("File-ColumnKnown", 0, name, f"FOCUS {version} has no column {name}."))
    first_custom = next((n for n, name in enumerate(header) if name.startswith("x_")), len(header))
    for name in (name for name in header[first_custom:] if not name.startswith("x_")):
        verdict.add(Violation("File-CustomColumnsLast", 0, name, f"{name} stands behind a custom column."))
    seen: set[bytes] = set()
    for row in rows:
        verdict.rows += 1
        for rule in rules:
            if (detail := rule.judge(row)) is not None:
                verdict.add(Violation(rule.name, verdict.rows, rule.column, detail))
        key = blake2b(str(row.get("x_ChargeId")).encode(), digest_size=16).digest()
        if key in seen:
            detail = f"The charge {row.get('x_ChargeId')} stands in the file twice."
            verdict.add(Violation("x_ChargeId-Once", verdict.rows, "x_ChargeId", detail))
        seen.add(key)
    return verdict
