"""`nesoi cost` names what every figure is about, and writes numbers as people read them; scripts get them exact."""

from __future__ import annotations

import json
from typing import Any

import httpx2
import pytest

from tests.command_line import Run, runner

COVERAGE = {"observed_seconds": 1, "inferred_seconds": 0, "unknown_seconds": 0, "observed_share": 1}
SUMMARY = {
    "month": "2026-11", "currency": "EUR", "total": "12.00", "credit": "0.00", "coverage": COVERAGE, "comparison": None,
    "forecast": {"expected": None, "low": None, "high": None},
}  # fmt: skip
REFUSAL = {
    "code": "tenant_required",
    "detail": "Your token belongs to no tenant; add ?tenant= with the slug of one.",
}


def row(key: str, name: str, **more: Any) -> dict[str, Any]:
    return {"key": key, "name": name, "dimension": "", "quantity": None, "unit": "", "cost": "6.00", **more}


ROWS = {
    "meter": [
        row("vcpu", "Virtual CPU", quantity="148831.166666666666667", unit="Core-Hours"),
        row("egress", "Traffic", quantity="0.000046", unit="GiB"),
        row("", "The tenant as a whole"),
    ],
    "day": [row("2026-11-01", "2026-11-01")],
    "account": [row("0192f1c4", "Shop")],
    "runtime": [row("0192f1c5", "")],
}  # fmt: skip


class Answering(httpx2.BaseTransport):
    """Has costs for whoever names a tenant."""

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """Answer as the API does."""
        asked = request.url.params
        if not asked.get("tenant"):
            return httpx2.Response(400, json=REFUSAL)
        if request.url.path.endswith("/breakdown"):
            return httpx2.Response(200, json={"rows": ROWS[asked["by"]]})
        is_over = asked.get("month", "2026-11") != "2026-11"
        return httpx2.Response(200, json=SUMMARY | ({"forecast": None} if is_over else {}))


@pytest.fixture
def cost(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    run = runner(capsys, monkeypatch, Answering())
    return lambda *words: run("cost", *words, token="nesoi_any")


def test_every_row_says_what_it_is_about(cost: Run) -> None:
    meters = cost("--tenant", "a", "--by", "meter").out
    assert "METER" in meters
    for words in ("Virtual CPU", "Traffic", "The tenant as a whole"):
        assert words in meters
    assert "2026-11-01" in cost("--tenant", "a", "--by", "day").out
    assert "0192f1c5" in cost("--tenant", "a", "--by", "runtime").out, "without a name, its id"


def test_quantities_are_rounded_for_people_and_exact_for_scripts(cost: Run) -> None:
    shown = cost("--tenant", "a", "--by", "meter").out
    assert "148,831.17 " in shown
    assert "166666" not in shown
    assert "0.00005" in shown, "a little is not nothing"
    exact = json.loads(cost("--tenant", "a", "--by", "meter", "-o", "json").out)
    assert exact["breakdown"]["rows"][0]["quantity"] == "148831.166666666666667"


def test_a_month_that_is_over_has_no_forecast(cost: Run) -> None:
    assert "not enough days known yet" in cost("--tenant", "a").out
    assert "forecast" not in cost("--tenant", "a", "--month", "2026-10", "--by", "day").out


def test_who_must_name_a_tenant_is_told_the_option(cost: Run) -> None:
    ended = cost()
    assert (ended.status, "add --tenant with the slug" in ended.err, "?" in ended.err) == (2, True, False)
