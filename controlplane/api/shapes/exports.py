"""Usage and charges as rows, FOCUS exports, providers' bills, reconciliation and margin. Money is a decimal string."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from billing.exports.comparing import Compared, Margin, Part, Reconciliation, Share
from billing.exports.models import FileFormat, FocusExport
from billing.exports.units import in_units
from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MAYBE_TEXT,
    MOMENT,
    TEXT,
    URL,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.kernel.clock import rfc3339
from controlplane.tenants.jobs import JobState

AMOUNT = {"type": "string", "description": "Decimal number."}
MAYBE_ID = {"type": ["string", "null"], "format": "uuid"}
DAY = {"type": "string", "format": "date"}
MONTH = {"type": "string", "pattern": r"^\d{4}-(0[1-9]|1[0-2])$", "description": "As 2026-01."}
WHOLE = {"type": "integer", "description": "Base units x seconds; of a counter: base units."}


def _pages(item: Shape, order: str) -> Shape:
    told = f"One page, {order}; `next` is the address of the following one, or null."
    return Shape(f"{item.name}List", record({"results": several(item), "next": maybe(URL)}, description=told))


USAGE_ROW = Shape(
    "UsageRow",
    record(
        {
            "day": DAY, "tenant": TEXT, "account": ID, "runtime": ID, "plan": TEXT, "region": TEXT, "meter": TEXT,
            "dimension": TEXT, "quantity": WHOLE, "inferred": WHOLE, "observed_seconds": COUNT, "inferred_seconds": COUNT,
            "unknown_seconds": COUNT, "alive_seconds": COUNT,
            "quantity_unit": {**TEXT, "description": "What quantity and inferred count: millicores x seconds."},
            "units": {**TEXT, "description": "The quantity in the unit, a decimal number; empty for a meter that is gone."},
            "unit": {**TEXT, "description": "The meter's unit, as on statements."},
        },
        description="How much of a meter a runtime had on a day of UTC that is over, and how much of its time is known.",
    ),
)  # fmt: skip
USAGE_LIST = _pages(USAGE_ROW, "by day")
CHARGE = Shape(
    "Charge",
    record(
        {
            "id": TEXT, "statement": ID, "month": MONTH, "sealed": {"type": "boolean"}, "tenant": TEXT, "category": TEXT,
            "correction_of": {**MAYBE_TEXT, "description": "Of a correction: the month that it mends."},
            "account": MAYBE_ID, "runtime": MAYBE_ID, "plan": TEXT, "region": TEXT, "meter": TEXT, "dimension": TEXT,
            "start": MOMENT, "end": MOMENT, "quantity": AMOUNT, "unit": TEXT, "list_unit_price": AMOUNT,
            "contracted_unit_price": AMOUNT, "list_cost": AMOUNT, "contracted_cost": AMOUNT, "billed_cost": AMOUNT,
            "effective_cost": AMOUNT, "currency": TEXT,
            "price_book": {**MAYBE_TEXT, "description": "Key and version."}, "observed_seconds": {"type": "integer"},
            "alive_seconds": {"type": "integer"}, "description": TEXT,
        },
        description="One line of a statement. While it is not sealed, it may be another one tomorrow.",
    ),
)  # fmt: skip
CHARGE_LIST = _pages(CHARGE, "by statement")
FOCUS_EXPORT = Shape(
    "FocusExport",
    record(
        {
            "id": ID, "month": MONTH, "version": words(["1.4", "1.2"]), "format": words(list(FileFormat.values)),
            "state": words(list(JobState.values)), "closed": {"type": "boolean"}, "part": COUNT, "rows": COUNT,
            "place": {**TEXT, "description": "Where it is; empty where a closed month had nothing to add."},
            "sha256": TEXT, "fault": TEXT, "asked_by": TEXT, "created_at": MOMENT, "finished_at": MAYBE_MOMENT,
        },
        description="One writing of a month; no file is handed over that breaks a rule of FOCUS.",
    ),
)  # fmt: skip
FOCUS_EXPORT_LIST = page_of(FOCUS_EXPORT)
FOCUS_EXPORT_REQUEST = Shape(
    "FocusExportRequest",
    {
        **record(
            {"month": MONTH, "version": words(["1.4", "1.2"]), "format": words(list(FileFormat.values))},
            optional=("version", "format"),
        ),
        "additionalProperties": False,
    },
    {"month": "2026-01", "version": "1.4", "format": "parquet"},
)
_SIDES = {
    "cost": AMOUNT, "cost_days": COUNT, "metered_days": COUNT, "metered_at_list_price": AMOUNT, "billed": AMOUNT,
    "margin": AMOUNT,
}  # fmt: skip
RECONCILIATION = Shape(
    "Reconciliation",
    record(
        {
            "month": MONTH,
            "currency": TEXT,
            "rows": several(
                record(
                    {
                        "provider": TEXT, "landscape": TEXT, "meter_group": TEXT,
                        "unattributed": {"type": "boolean", "description": "Billed by the provider, owned by no runtime."},
                        **_SIDES,
                    }
                )
            ),
            "total": record(_SIDES),
            "unmeasured": record({"days": COUNT, "cost": AMOUNT}, description="On the bill, and never measured."),
            "problems": several(TEXT),
        }
    ),
)  # fmt: skip
_SHARE = {"billed": AMOUNT, "cost": AMOUNT, "margin": AMOUNT, "margin_percent": maybe(AMOUNT)}
_PARTS = {
    Part.OWNED: "a tenant's or plan's",
    Part.FEES: "billed, and of no plan",
    Part.UNATTRIBUTED: "charged by a provider, and no runtime owns it",
}
MARGIN = Shape(
    "Margin",
    record(
        {
            "month": MONTH,
            "currency": TEXT,
            "by": words(["tenant", "plan"]),
            "rows": several(
                record(
                    {
                        "key": {**MAYBE_TEXT, "description": "null: what belongs to no tenant or plan."},
                        "name": TEXT,
                        "part": words(
                            list(Part), "; ".join(f"{part}: {told}" for part, told in _PARTS.items())
                        ),
                        **_SHARE,
                    }
                )
            ),
            "total": record(_SHARE),
            "trials": record({"begun": COUNT, "cost": AMOUNT, "cost_per_trial": maybe(AMOUNT)}),
            "problems": several(TEXT),
        }
    ),
)


def plain(amount: Decimal, places: int | None = None) -> str:
    """Write an amount without an exponent."""
    return f"{amount if places is None else round(amount, places):f}"


def usage_json(row: dict[str, Any]) -> dict[str, Any]:
    """Return a day of usage."""
    names = ("plan", "region", "meter", "dimension", "quantity", "inferred", "observed_seconds", "inferred_seconds",
             "unknown_seconds", "alive_seconds")  # fmt: skip
    whose = {name: str(row[name]) for name in ("account", "runtime")}
    tenant = row["tenant"] or str(row["tenant_id"])
    units = in_units(row["meter"], row["quantity"])
    return {
        "day": row["day"].isoformat(),
        "tenant": tenant,
        **whose,
        **{name: row[name] for name in names},
        **units,
    }


def charge_json(row: dict[str, Any]) -> dict[str, Any]:
    """Return a charge."""
    amounts = ("quantity", "list_unit_price", "contracted_unit_price", "list_cost", "contracted_cost", "billed_cost",
               "effective_cost")  # fmt: skip
    same = ("tenant", "category", "plan", "region", "meter", "dimension", "unit", "currency", "observed_seconds",
            "alive_seconds", "description")  # fmt: skip
    return {
        "id": row["line_id"],
        "statement": str(row["statement_id"]),
        "month": f"{row['month']:%Y-%m}",
        "sealed": row["statement_state"] == "sealed",
        "correction_of": f"{row['origin_month']:%Y-%m}" if row["origin_month"] else None,
        "account": str(row["account"]) if row["account"] else None,
        "runtime": str(row["runtime"]) if row["runtime"] else None,
        "start": rfc3339(row["period_start"]),
        "end": rfc3339(row["period_end"]),
        "price_book": f"{row['book']}/{row['book_version']}" if row["book"] else None,
        **{name: plain(row[name].normalize()) for name in amounts},
        **{name: row[name] for name in same},
    }


def focus_export_json(row: FocusExport) -> dict[str, Any]:
    """Return an export."""
    return {
        "id": str(row.id), "month": f"{row.month:%Y-%m}", "version": row.version, "format": row.file_format,
        "state": row.state, "closed": row.closed, "part": row.part, "rows": row.rows, "place": row.place,
        "sha256": row.digest, "fault": row.fault, "asked_by": row.asked_by, "created_at": rfc3339(row.created_at),
        "finished_at": rfc3339(row.finished_at),
    }  # fmt: skip


def _sides(row: Compared) -> dict[str, Any]:
    return {
        "cost": plain(row.cost, 6), "cost_days": row.cost_days, "metered_days": row.metered_days,
        "metered_at_list_price": plain(row.metered, 6), "billed": plain(row.billed, 6), "margin": plain(row.margin, 6),
    }  # fmt: skip


def reconciliation_json(found: Reconciliation) -> dict[str, Any]:
    """Return a reconciliation."""
    return {
        "month": f"{found.month:%Y-%m}",
        "currency": found.currency,
        "rows": [
            {"provider": row.provider, "landscape": row.landscape, "meter_group": row.meter_group,
             "unattributed": row.unattributed, **_sides(row)} for row in found.rows
        ],
        "total": _sides(found.total),
        "unmeasured": {"days": found.unmeasured_days, "cost": plain(found.unmeasured_cost, 6)},
        "problems": list(found.problems),
    }  # fmt: skip


def _share(row: Share) -> dict[str, Any]:
    percent = None if row.percent is None else plain(row.percent)
    amounts = {name: plain(getattr(row, name), 6) for name in ("billed", "cost", "margin")}
    return {**amounts, "margin_percent": percent}


def margin_json(found: Margin, by: str) -> dict[str, Any]:
    """Return margins."""
    each = found.cost_per_trial
    return {
        "month": f"{found.month:%Y-%m}",
        "currency": found.currency,
        "by": by,
        "rows": [
            {"key": row.key or None, "name": row.name, "part": row.part.value, **_share(row)}
            for row in found.rows
        ],
        "total": _share(found.total),
        "trials": {
            "begun": found.trials,
            "cost": plain(found.trial_cost, 6),
            "cost_per_trial": None if each is None else plain(each),
        },
        "problems": list(found.problems),
    }
