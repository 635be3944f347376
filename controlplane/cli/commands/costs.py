"""What a tenant's runtimes cost."""

from __future__ import annotations

from calendar import monthrange
from decimal import Decimal
from enum import StrEnum
from typing import Annotated, Any

import typer

from controlplane.cli.options import AsOutput, OfTenant, api
from controlplane.cli.printing import Output, show
from controlplane.cli.problems import CliProblem

SUMMARY = (
    ("month", "month"),
    ("total", "total_money"),
    ("credit", "credit"),
    ("forecast", "forecast_money"),
    ("known", "known"),
    ("same days before", "compared"),
)
OF_METERS = (("dimension", "dimension"), ("quantity", "amount"), ("unit", "unit"))
FINE = 2  # decimal places of a quantity that people read


class By(StrEnum):
    """What to add up by."""

    ACCOUNT = "account"
    RUNTIME = "runtime"
    METER = "meter"
    DAY = "day"


def cost(
    month: Annotated[str, typer.Option(help="A month, as 2026-11; this one unless told.")] = "",
    by: Annotated[By, typer.Option(help="What to add up by.")] = By.ACCOUNT,
    tenant: OfTenant = "",
    output: AsOutput = Output.TABLE,
) -> None:
    """Say what a month costs so far, what it will cost, and of what it is made."""
    server = api()
    summary = server.get("costs", {"month": month, "tenant": tenant})
    breakdown = server.get("costs/breakdown", {"by": by, "tenant": tenant, **_days(month)})
    if output is not Output.TABLE:
        show({"summary": summary, "breakdown": breakdown}, output)
        return
    currency, compared = summary["currency"], summary["comparison"]
    share = summary["coverage"]["observed_share"]
    readable = {
        **summary,
        "total_money": f"{summary['total']} {currency}",
        "forecast_money": _interval(summary["forecast"], currency),
        "known": "" if share is None else f"{share:.1%} of the time was seen",
        "compared": f"{compared['before']} {currency}, now {compared['now']} {currency}" if compared else "",
    }
    show(readable, output, SUMMARY)
    columns = ((str(by), "title"), *(OF_METERS if by is By.METER else ()), ("cost", "cost"))
    show([_readable(row) for row in breakdown["rows"]], output, columns, empty="Nothing was used.")


def _readable(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row of a breakdown with what people call it, and its quantity as they read it."""
    quantity = row["quantity"] and Decimal(row["quantity"])
    amount = "" if quantity is None else f"{quantity:,.{FINE}f}"
    if quantity and not Decimal(amount.replace(",", "")):
        amount = f"{quantity:.1g}"  # a little is not nothing
    return {**row, "title": row["name"] or row["key"], "amount": amount}


def _interval(forecast: dict[str, str] | None, currency: str) -> str:
    if forecast is None:  # nothing more is to come of a month that is over
        return ""
    if not forecast["expected"]:
        return "not enough days known yet"
    return f"{forecast['expected']} {currency} (between {forecast['low']} and {forecast['high']})"


def _days(month: str) -> dict[str, str]:
    if not month:
        return {}
    try:
        year, number = (int(part) for part in month.split("-"))
        last = monthrange(year, number)[1]
    except ValueError as wrong:
        raise CliProblem(f"“{month}” is no month; write it as 2026-11.") from wrong
    return {"from": f"{year:04}-{number:02}-01", "to": f"{year:04}-{number:02}-{last:02}"}
