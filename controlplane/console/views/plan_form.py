"""What the request form and the change form have in common: the plan's fields, filled in, with what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from billing.costs.expecting import Expected
from controlplane.catalog.capacity import Capacity, capacity
from controlplane.catalog.parameters import Parameters
from controlplane.catalog.plans import PlanFacts
from controlplane.console.fields.draw import Drawing
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.tree import Field, Group
from controlplane.kernel.errors import Refused


@dataclass
class PlanForm:
    """Fields of a form in groups; `identity` holds those beside the plan's parameters."""

    identity: list[Field]
    groups: list[Group]

    def place(self, refusal: Refused) -> list[Problem]:
        """Write the refusal's errors to the fields and return the summary."""
        return place(refusal, [*self.identity, *(entry for group in self.groups for entry in group.fields)])


def plan_form(
    facts: PlanFacts,
    schema: Mapping[str, Any],
    parameters: Mapping[str, Any],
    *,
    identity: list[Field],
    locked: tuple[str, ...] = (),
) -> PlanForm:
    """Draw the plan's fields."""
    return PlanForm(identity, Drawing(facts, locked=locked).groups(schema, parameters))


@dataclass(frozen=True)
class Size:
    """What a runtime may take, or why that can't be said yet."""

    capacity: Capacity | None
    hint: str = ""
    expected: Expected | None = None  # what that costs in a month, for those who may know

    @classmethod
    def of(cls, facts: PlanFacts, wanted: Parameters) -> Size:
        """Sum up the pools."""
        try:
            return cls(capacity(wanted, facts))
        except LookupError as error:
            return cls(None, f"{error}.")

    @property
    def price(self) -> str:
        """From the least to the most in whole units of the currency, for example 312 to 1,205 EUR; empty where nobody can say."""
        if self.expected is None:
            return ""
        bounds = dict.fromkeys(f"{amount:,.0f}" for amount in (self.expected.least, self.expected.most))
        return f"{' to '.join(bounds)} {self.expected.currency}"

    @property
    def memory_min(self) -> str:
        """GiB without trailing zeros."""
        return f"{self.capacity.memory_gib_min.normalize():f}" if self.capacity else ""

    @property
    def memory_max(self) -> str:
        """GiB without trailing zeros."""
        return f"{self.capacity.memory_gib_max.normalize():f}" if self.capacity else ""
