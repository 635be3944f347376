"""Last month's bills of the demo's providers: plain CSV files, made of what was measured and imported as any other bill is."""

from __future__ import annotations

import csv
import json
from collections import defaultdict
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

from django.db import connection

from billing.books.agreeing import publish_rate
from billing.books.models import ExchangeRate
from billing.exports.bills.groups import OF_METER
from billing.exports.bills.importing import import_bill
from billing.exports.models import ProviderBill
from billing.meters.registry import meters
from billing.usage.slots import month_before
from controlplane.tenants.access import SYSTEM

HOUSE = "EUR"
FINE = Decimal("0.000001")
# What one unit costs at a provider, in its currency: below the standard prices. Nodes are their cores and memory.
COSTS = {
    "vcpu": Decimal("0.0224"), "memory": Decimal("0.0030"), "gpu": Decimal("0.95"), "block_storage": Decimal("0.000122"),
    "snapshots": Decimal("0.000066"), "object_storage": Decimal("0.000031"), "nfs": Decimal("0.00036"),
    "load_balancer": Decimal("0.0240"), "public_address": Decimal("0.0048"), "egress": Decimal("0.0700"),
    "control_plane": Decimal("0.0700"), "platform_vcpu": Decimal("0.0224"), "platform_memory": Decimal("0.0030"),
}  # fmt: skip
CURRENCIES = {"aws": "USD"}
DOLLAR = Decimal("0.9215")
SHARED = Decimal("0.018")  # of a bill: gateways of the seeds and support, which carry nobody's tag
HEAD = ("payer", "day", "meter_group", "cost", "currency", "resource", "product", "invoice", "tags")

# A day's quantities, stretched to the whole time that a runtime lived: a provider charges what nobody measured too.
USED = """
SELECT p.provider, d.day, d.runtime, d.meter, sum(d.quantity), min(l.observed_seconds), min(l.alive_seconds)
FROM usage_day d JOIN usage_day_life l USING (day, source, tenant_id, account, plan) JOIN catalog_plan p ON p.key = d.plan
WHERE d.day >= %s AND d.day < %s AND d.quantity > 0 AND l.observed_seconds > 0 AND p.provider <> ''
GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4
"""


class Entry(NamedTuple):
    """What a provider charges for one runtime's day and one group of its products."""

    day: date
    runtime: UUID
    group: str
    cost: Decimal


def bring_bills(today: date, folder: Path, say: Callable[[str], None]) -> None:
    """Write last month's bills, and import those that are not there yet."""
    month = month_before(today)
    _publish_rate(month)
    charged: dict[str, list[Entry]] = defaultdict(list)
    for provider, entry in _entries(month, (month + timedelta(days=31)).replace(day=1)):
        charged[provider].append(entry)
    folder.mkdir(parents=True, exist_ok=True)
    for provider, entries in sorted(charged.items()):
        if ProviderBill.objects.filter(provider=provider, month=month).exists():
            continue
        path = folder / f"{provider}-{month:%Y-%m}.csv"
        _write(path, provider, month, entries)
        row, _ = import_bill(actor=SYSTEM, source=str(path), file_format="csv", provider=provider)
        say(f"bill of {provider} for {month:%B %Y} imported: {row.amortized:,.2f} {row.currency}")


def _entries(first: date, last: date) -> Iterator[tuple[str, Entry]]:
    units = {key: meter.per_unit for key, meter in meters().items()}
    sums: dict[tuple[str, date, UUID, str], Decimal] = defaultdict(Decimal)
    with connection.cursor() as cursor:
        cursor.execute(USED, [first, last])
        for provider, day, runtime, meter, quantity, observed, alive in cursor.fetchall():
            if meter in COSTS:
                whole = Decimal(int(quantity)) * alive / observed
                sums[provider, day, runtime, OF_METER[meter]] += COSTS[meter] * whole / units[meter]
    for (provider, day, runtime, group), cost in sums.items():
        yield provider, Entry(day, runtime, group, cost.quantize(FINE))


def _write(path: Path, provider: str, month: date, entries: list[Entry]) -> None:
    currency, payer = CURRENCIES.get(provider, HOUSE), f"nesoi-{provider}"
    invoice = f"{provider.upper()}-{month:%Y%m}-0001"
    shared: dict[date, Decimal] = defaultdict(Decimal)
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(HEAD)
        for entry in entries:
            shared[entry.day] += entry.cost * SHARED
            tags = json.dumps({"nesoi.dev/runtime": str(entry.runtime)})
            rows.writerow(
                (payer, entry.day, entry.group, f"{entry.cost:f}", currency, "", entry.group, invoice, tags)
            )
        for day, cost in sorted(shared.items()):
            for group, name in (("network", "nat-gateway-of-the-seeds"), ("other", "support")):
                told = f"{(cost / 2).quantize(FINE):f}"
                rows.writerow((payer, day, group, told, currency, name, group, invoice, ""))


def _publish_rate(month: date) -> None:
    if not ExchangeRate.objects.filter(base="USD", quote=HOUSE).exists():
        publish_rate(
            actor=SYSTEM, base="USD", quote=HOUSE, since=month, rate=DOLLAR, source="Made up for the demo",
        )  # fmt: skip
