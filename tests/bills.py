"""A provider's bill for tests: CUR 2.0 as Parquet and CSV, made by plain functions."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from billing.exports.bills.cur import NEEDED, USEFUL

COLUMNS = (*NEEDED, *USEFUL)
JUNE_1 = datetime(2026, 6, 1, tzinfo=UTC)
VM, DISK, BALANCER = (
    ("AmazonEC2", "EUC1-BoxUsage:m5.large"),
    ("AmazonEC2", "EUC1-EBS:VolumeUsage.gp3"),
    ("AWSELB", "LCUUsage"),
)


def cur_row(
    cost: str = "1.5",
    kind: tuple[str, str] = VM,
    *,
    day: int = 1,
    tags: dict[str, str] | None = None,
    **more: Any,
) -> dict[str, Any]:
    """A row of usage on a day of June."""
    return {
        "bill_payer_account_id": "111122223333",
        "bill_billing_period_start_date": "2026-06-01T00:00:00Z",
        "bill_invoice_id": "",
        "line_item_usage_start_date": f"2026-06-{day:02}T05:00:00Z",
        "line_item_product_code": kind[0],
        "line_item_usage_type": kind[1],
        "line_item_resource_id": "i-0abc",
        "line_item_line_item_type": "Usage",
        "line_item_unblended_cost": cost,
        "line_item_currency_code": "EUR",
        "resource_tags": json.dumps(tags or {}),
        **more,
    }


def as_csv(path: Path, rows: Sequence[dict[str, Any]], columns: Sequence[str] = COLUMNS) -> Path:
    """Write a bill as CSV, compressed where its name says so."""
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "wt", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(rows)
    return path


def as_parquet(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    """Write a bill as AWS does: moments, doubles, and tags as a map."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    def typed(name: str) -> Any:
        values = [row.get(name) for row in rows]
        if name.endswith("start_date"):
            moments = [datetime.fromisoformat(str(value)) for value in values]
            return pa.array(moments, pa.timestamp("ms", tz="UTC"))
        if name == "resource_tags":
            maps = [list(json.loads(value or "{}").items()) for value in values]
            return pa.array(maps, pa.map_(pa.string(), pa.string()))
        if "cost" in name or "commitment" in name or "fee" in name:
            return pa.array([None if value in (None, "") else float(value) for value in values], pa.float64())
        return pa.array(values, pa.string())

    pq.write_table(pa.table({name: typed(name) for name in COLUMNS}), path)
    return path


def june(day: int) -> date:
    return date(2026, 6, day)
