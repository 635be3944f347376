"""What a FOCUS row is made of: a line of a statement, and whose it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from billing.pricing.periods import Period
from billing.pricing.types import Line


@dataclass(frozen=True, slots=True)
class Named:
    """An id and what people call it."""

    id: str
    name: str


NOBODY = Named("", "")


@dataclass(frozen=True, slots=True)
class Charge:
    """A line of a statement with the names that a row shows."""

    line: Line
    tenant: Named
    month: Period  # of the statement that holds it
    account: Named = NOBODY
    runtime: Named = NOBODY
    labels: Mapping[str, str] = field(default_factory=dict)
    provider: str = ""  # "aws": whose machines it is on
    region_name: str = ""
    statement: str = ""  # id of the sealed statement; "" while it is a draft
    commitment: str = ""  # title of the commitment
    committed: Decimal | None = None  # how many units are bought, of a purchase
    commitment_unit: str = ""
    carbon_grams: Decimal | None = None
    sealed_at: datetime | None = None
    mends: str = ""  # id of the statement that a correction is about
