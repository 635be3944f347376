"""Whatever door is asked what a month costs, the figure is the same, to the last minor unit.

Months are made with gaps, inferred time, late usage, a correction, a price that changed, several accounts, a credit that two open
months share, and what was booked by hand: by chance, from a seed.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from billing.books import agreeing
from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.costs.breakdown import By
from billing.costs.sentences import money
from billing.exports.focus.columns import Version
from billing.exports.models import FileFormat
from billing.exports.publishing import publish
from billing.statements.adjusting import book_adjustment
from billing.statements.models import Statement
from billing.statements.queries import following
from billing.usage.models import Source
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.services import issue_token
from tests.months import CORE_HOUR, GIB_HOUR, JULY, JUNE, begin, change, drafted, runtime, sealed, use
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db
GIFT = Decimal(20)


@pytest.fixture
def world(db: None) -> World:
    cache.clear()
    begin()
    return World()


def a_past(world: World, seed: int) -> tuple[Source, date]:
    """Two months of three runtimes in two accounts, by chance; returns one of the runtimes and its first day."""
    chance = Random(seed)
    sources, births = [runtime() for _ in range(3)], list[date]()
    for number, source in enumerate(sources):
        account = world.shop if number % 2 else world.lab
        births.append(JUNE + timedelta(days=chance.randrange(20)))
        for day in range(chance.randrange(25, 42)):
            seen = chance.choice((86_400, 86_400, 86_100, 40_000))
            guessed = chance.choice((0, 300)) if seen < 86_400 else 0
            use(
                source, account, births[-1] + timedelta(days=day), seen=seen, inferred=guessed,
                vcpu=chance.randrange(1, 30) * CORE_HOUR + chance.randrange(9999), memory=chance.randrange(60) * GIB_HOUR + 7,
                node__m5_large=chance.randrange(seen),
            )  # fmt: skip
    agreeing.grant_credit(
        actor=SYSTEM, tenant=world.archipel, title="Gift", currency="EUR", amount=GIFT, starts=JUNE,
        expires=date(2027, 1, 1), reason="for the test",
    )  # fmt: skip
    return sources[0], births[0]


def dearer_from(day: date, folder: Path) -> None:
    """Let the standard prices change in the middle of a month."""
    folder.mkdir()
    for path in DATA.glob("*.yaml"):
        (folder / path.name).write_text(path.read_text())
    text = (DATA / "standard-1.yaml").read_text().replace("version: 1\n", "version: 2\n")
    text = re.sub(r"effective_from: \S+", f"effective_from: {day.isoformat()}", text).replace(
        "0.0300", "0.0371"
    )
    (folder / "standard-2.yaml").write_text(text)
    apply_prices(actor=SYSTEM, directory=folder)


def summed(body: str, column: str) -> Decimal:
    """Add up a column of a CSV file."""
    return sum((Decimal(row[column]) for row in csv.DictReader(io.StringIO(body))), Decimal(0))


def focus_of(month: date, tenant: Any, folder: Path) -> Decimal:
    """What the month's FOCUS file bills a tenant."""
    done = publish(month=month, version=Version.V1_4, file_format=FileFormat.CSV, to=str(folder))
    rows = csv.DictReader(io.StringIO(Path(done.place).read_text()))
    return sum(
        (Decimal(row["BilledCost"]) for row in rows if row["BillingAccountId"] == str(tenant.id)), Decimal(0)
    )


def asked(client: Client, token: str, path: str, **query: str) -> dict[str, Any]:
    """Ask the API."""
    answer = client.get(f"/api/v1{path}", query, headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200, answer.content
    found: dict[str, Any] = json.loads(answer.content)
    return found


def of_costs(page: Client, token: str, month: date) -> Mapping[str, Decimal]:
    """What the doors of costs say of a month; checks the page's words."""
    name = f"{month:%Y-%m}"
    whole = asked(page, token, "/costs", month=name)
    span = {"from": month.isoformat(), "to": (following(month) - timedelta(days=1)).isoformat()}
    found = {"api": Decimal(whole["total"])}
    for by in By:
        answer = asked(page, token, "/costs/breakdown", by=str(by), **span)
        found[f"by {by}"] = Decimal(answer["total"])
        found[f"rows by {by}"] = sum((Decimal(row["cost"]) for row in answer["rows"]), Decimal(0))
    exported = page.get(reverse("console:cost-export"), {"month": name})
    found["csv"] = summed(exported.getvalue().decode(), "cost")
    shown = text(page.get(reverse("console:costs"), {"month": name}))
    assert money(found["api"], "EUR") in shown
    return found


def of_statement(page: Client, token: str, row: Statement, folder: Path) -> Mapping[str, Decimal]:
    """What the doors of statements say of one."""
    lines = asked(page, token, f"/statements/{row.pk}/lines", limit="200")
    assert lines["next"] is None
    file = page.get(reverse("console:statement-file", args=[row.pk, "csv"]))
    charges = asked(
        page, token, "/charges", limit="200", **{"from": f"{row.month}", "to": f"{following(row.month)}"}
    )
    assert money(row.total, "EUR").split()[0] in text(page.get(reverse("console:statement", args=[row.pk])))
    return {
        "row": row.total,
        "api": Decimal(asked(page, token, f"/statements/{row.pk}")["total"]),
        "lines": sum((Decimal(line["billed_cost"]) for line in lines["results"]), Decimal(0)),
        "charges": sum((Decimal(line["billed_cost"]) for line in charges["results"]), Decimal(0)),
        "csv": summed(file.content.decode(), "billed_cost"),
        "focus": focus_of(row.month, row.tenant, folder),
    }


def check(world: World, month: date, row: Statement, folder: Path) -> Decimal:
    """Hold every door's figure against the others'; return what the statement has besides the month's own use."""
    page = browse(world.alice)
    _, token = issue_token(
        actor=SYSTEM, role=Role.OWNER, name=f"{month}-{row.state}-{row.total}", tenant=world.archipel
    )
    costs, statement = of_costs(page, token, month), of_statement(page, token, row, folder)
    assert len(set(costs.values())) == 1, costs
    assert len(set(statement.values())) == 1, statement
    beside = Decimal(asked(page, token, "/costs", month=f"{month:%Y-%m}")["beside"])
    assert costs["api"] + beside == row.total
    return beside


@pytest.mark.parametrize("seed", [1])
def test_every_door_says_the_same_of_a_month(world: World, seed: int, tmp_path: Path) -> None:
    dearer_from(date(2026, 7, 9), tmp_path / "prices")
    source, first = a_past(world, seed)
    # Both months are open: the credit that June is about to draw is not there for July.
    june, july = drafted(world.archipel, JUNE), drafted(world.archipel, JULY)
    assert [Decimal(entry["drawn"]) for entry in june.drawn] == [GIFT]
    assert check(world, JUNE, june, tmp_path) == check(world, JULY, july, tmp_path) == 0
    june = sealed(world.archipel, JUNE)
    check(world, JUNE, june, tmp_path)
    # Late usage of the sealed month, and what was booked by hand, stand beside July's own use.
    change(source, first, "vcpu", 999 * CORE_HOUR)
    book_adjustment(
        actor=SYSTEM, tenant=world.archipel, category="Credit", amount=Decimal("-2.50"), currency="EUR", title="Outage",
        reason="June",
    )  # fmt: skip
    beside = check(world, JULY, drafted(world.archipel, JULY), tmp_path)
    assert beside not in (0, Decimal("-2.50"))
    assert check(world, JULY, sealed(world.archipel, JULY), tmp_path) == beside
