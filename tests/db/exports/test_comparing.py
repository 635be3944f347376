"""Provider, measured and billed tie to their wholes; what nobody owns is a row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import time_machine
from django.test import Client

from billing.books.models import ExchangeRate
from billing.exports.bills.importing import import_bill
from billing.exports.comparing import Part, margin, reconcile, tenants_of_plan, tenants_of_row
from billing.exports.models import ProviderBill, ProviderCost
from billing.statements.adjusting import book_adjustment
from billing.usage.models import Source
from controlplane.api.shapes.exports import margin_json
from controlplane.console.views import bills_fleet
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.services import create_user
from provisioner.runtimes.models import Runtime
from tests.bills import DISK, as_csv, cur_row
from tests.months import CORE_HOUR, JUNE, begin, drafted, use
from tests.signed_in import text
from tests.world import World, order

pytestmark = pytest.mark.django_db
FINOPS = Actor("token:finops", platform_role=PlatformRole.FINOPS)


@pytest.fixture(autouse=True)
def november() -> Iterator[None]:
    with time_machine.travel(datetime(2026, 11, 20, 12, tzinfo=UTC), tick=True):
        yield


@pytest.fixture
def month(world: World, tmp_path: Path) -> World:
    """Checkout used three days of June, was billed for, and cost 4.25; something of nobody's cost 9."""
    begin()
    world.landscape.refresh_from_db()  # comes to be when asked for
    runtime: Runtime = order(world).runtime
    Runtime.objects.filter(pk=runtime.pk).update(created_at="2026-05-01T00:00:00Z")
    use(Source.objects.get(runtime=runtime.pk), world.shop, JUNE, days=3, vcpu=96 * CORE_HOUR)
    drafted(world.archipel, JUNE)
    mine: dict[str, Any] = {"tags": {"user_nesoi_dev_runtime": str(runtime.pk)}}
    rows = [
        cur_row("1.50", **mine), cur_row("2.50", day=2, **mine), cur_row("0.25", DISK, day=20, **mine),
        cur_row("9.00", line_item_resource_id="i-other"),
    ]  # fmt: skip
    import_bill(actor=FINOPS, source=str(as_csv(tmp_path / "b.csv", rows)))
    return world


def test_every_column_adds_up_to_its_whole(month: World) -> None:
    found = reconcile(actor=FINOPS, month=JUNE)
    billed = drafted(month.archipel, JUNE).total
    assert found.total.cost == ProviderBill.objects.get().amortized == Decimal("13.25")
    assert found.total.billed == billed > 0
    assert not found.problems


def test_what_nobody_owns_is_a_row_of_its_own(month: World) -> None:
    (nobodys,) = [row for row in reconcile(actor=FINOPS, month=JUNE).rows if row.unattributed]
    assert (nobodys.cost, nobodys.billed, nobodys.landscape) == (Decimal(9), Decimal(0), "")


def test_a_group_of_a_landscape_has_all_three_sides(month: World) -> None:
    rows = {
        (row.provider, row.meter_group): row
        for row in reconcile(actor=FINOPS, month=JUNE).rows
        if not row.unattributed
    }
    compute = rows["aws", "compute"]
    assert (compute.cost, compute.cost_days, compute.metered_days) == (Decimal(4), 2, 3)
    assert compute.billed > 0
    assert compute.metered >= compute.billed
    assert compute.landscape == Runtime.objects.get().landscape.key
    assert (rows["aws", "storage"].cost, rows["aws", "storage"].metered_days) == (Decimal("0.25"), 0)


def test_a_day_that_was_billed_and_never_measured_is_told(month: World) -> None:
    found = reconcile(actor=FINOPS, month=JUNE)
    assert (found.unmeasured_days, found.unmeasured_cost) == (1, Decimal("0.25"))


@pytest.mark.parametrize(("by", "key"), [("tenant", "archipel"), ("plan", "aws")])
def test_margins_tie_and_name_what_nobody_owns(month: World, by: str, key: str) -> None:
    found = margin(actor=FINOPS, month=JUNE, by=by)
    rows = {row.key: row for row in found.rows}
    billed = drafted(month.archipel, JUNE).total
    assert (rows[key].billed, rows[key].cost) == (billed, Decimal("4.25"))
    assert (rows[""].billed, rows[""].cost) == (Decimal(0), Decimal(9))
    assert found.total.margin == billed - Decimal("13.25")


def test_a_day_is_the_tenants_that_had_the_runtime_longest(month: World) -> None:
    source = Source.objects.get()
    use(source, month.main, date(2026, 6, 20), alive=50_000, seen=50_000)
    use(source, month.shop, date(2026, 6, 20), alive=36_400, seen=36_400)
    rows = {row.key: row for row in margin(actor=FINOPS, month=JUNE).rows}
    assert (rows["basalt"].cost, rows["archipel"].cost) == (Decimal("0.25"), Decimal(4))


def test_a_currency_without_a_rate_is_left_out_aloud(month: World) -> None:
    ProviderBill.objects.update(currency="JPY")
    found = reconcile(actor=FINOPS, month=JUNE)
    assert found.total.cost == 0
    assert "JPY" in found.problems[0]


def test_a_month_without_anything_is_empty(world: World) -> None:
    assert not reconcile(actor=FINOPS, month=JUNE).rows
    empty = margin(actor=FINOPS, month=JUNE)
    assert (list(empty.rows), empty.total.percent, empty.cost_per_trial) == ([], None, None)


def test_a_trial_costs_what_its_plan_cost(month: World, settings: Any) -> None:
    settings.TRIAL_PLAN = "aws"
    found = margin(actor=FINOPS, month=date(2026, 6, 1))
    assert (found.trial_cost, found.trials) == (Decimal("4.25"), 0)
    assert found.cost_per_trial is None


def test_only_finops_looks() -> None:
    for call in (reconcile, margin):
        with pytest.raises(Refused, match="FinOps"):
            call(actor=Actor("support", platform_role=PlatformRole.SUPPORT), month=JUNE)


def test_a_plans_row_and_a_groups_row_are_what_their_tenants_are(month: World) -> None:
    plan = margin(actor=FINOPS, month=JUNE, by="plan").rows[0]
    (tenant,) = tenants_of_plan(actor=FINOPS, month=JUNE, plan=plan.key)
    assert (tenant.key, tenant.billed, tenant.cost) == ("archipel", plan.billed, plan.cost)
    ours = [row for row in reconcile(actor=FINOPS, month=JUNE).rows if row.billed or row.metered_days]
    assert ours
    for row in ours:
        (theirs,) = tenants_of_row(actor=FINOPS, month=JUNE, row=row)
        assert (theirs.key, theirs.metered_days) == ("archipel", row.metered_days)
        assert (theirs.metered, theirs.billed) == (row.metered, row.billed)


def test_plans_and_groups_open_to_tenants_and_these_to_statements(month: World) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client = Client()
    client.force_login(person)
    statement = f'<a href="/statements/{drafted(month.archipel, JUNE).pk}/">'
    by_plan = client.get("/fleet/margin?month=2026-06&by=plan").content.decode()
    assert statement not in by_plan
    for mark in ("h-plan", "h-behind"):
        (address, *_) = re.findall(rf'href="(\?[^"]+)#{mark}"', by_plan)
        opened = client.get(f"/fleet/margin{unescape(address)}").content.decode()
        assert opened.index(f'id="{mark}"') < opened.index(statement)
    for rubbish in ("by=plan&plan=zzz", "provider=x&landscape=%00&group=compute", "by=tenant&plan=aws"):
        answer = client.get(f"/fleet/margin?month=2026-06&{rubbish}").content.decode()
        assert 'id="h-plan"' not in answer
        assert 'id="h-behind"' not in answer


def test_each_figure_opens_to_the_rows_it_came_from(month: World) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client, bill = Client(), ProviderBill.objects.get()
    client.force_login(person)
    shown = client.get("/fleet/margin", {"month": "2026-06"}).content.decode()
    assert f'<a href="/statements/{drafted(month.archipel, JUNE).pk}/">' in shown
    assert f'<a href="/fleet/bills/{bill.pk}?group=compute#h-owned">4.00</a>' in shown
    runtime = Runtime.objects.get()
    page = client.get(f"/fleet/bills/{bill.pk}", {"group": "compute"})
    assert f"?group=compute&amp;runtime={runtime.pk}#h-rows" in page.content.decode()
    assert f"{runtime.name} archipel 2 4.00" in text(page)
    rows = text(client.get(f"/fleet/bills/{bill.pk}", {"group": "compute", "runtime": str(runtime.pk)}))
    assert rows.index("1 Jun 2026") < rows.index("1.5000") < rows.index("2 Jun 2026") < rows.index("2.5000")
    for rubbish in ({"group": "nothing"}, {"runtime": str(runtime.pk)}, {"group": "compute", "runtime": "x"}):
        assert "Day by day" not in text(client.get(f"/fleet/bills/{bill.pk}", rubbish))


def test_a_figure_opens_to_a_bill_only_where_the_bill_has_that_figure(month: World) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client, bill = Client(), ProviderBill.objects.get()
    client.force_login(person)

    def opens(group: str) -> bool:
        shown = client.get("/fleet/margin", {"month": "2026-06"}).content.decode()
        return f"/fleet/bills/{bill.pk}?group={group}#h-owned" in shown

    compute = ProviderCost.objects.filter(meter_group="compute", runtime__isnull=False)[0]
    assert opens("compute")
    assert opens("storage")
    compute.pk, compute.landscape = None, "another"
    compute.save()
    assert opens("storage")
    assert not opens("compute"), "the bill's page has it of both landscapes together"


def test_a_bill_in_another_currency_opens_and_the_page_tells_its_amount_and_the_rate(month: World) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client, bill = Client(), ProviderBill.objects.get()
    client.force_login(person)
    assert "counts as" not in text(client.get("/fleet/margin", {"month": "2026-06"}))
    ProviderBill.objects.update(currency="USD")
    ExchangeRate.objects.filter(base="USD").delete()
    ExchangeRate.objects.create(base="USD", quote="EUR", since=JUNE, rate=Decimal("0.875"), source="test")
    page = client.get("/fleet/margin", {"month": "2026-06"})
    assert f'<a href="/fleet/bills/{bill.pk}?group=compute#h-owned">3.50</a>' in page.content.decode()
    assert "3.50 4.00 USD 2 runtime days" in text(page)
    assert "1 USD counts as 0.875 EUR: the rate of 1 June 2026." in text(page)
    assert "4.00" in text(client.get(f"/fleet/bills/{bill.pk}?group=compute"))


def test_fees_of_no_plan_hide_nothing_that_no_runtime_owns(month: World) -> None:
    fee = Decimal("1560.00")
    book_adjustment(
        actor=SYSTEM, tenant=month.archipel, category="Adjustment", amount=fee, currency="EUR", title="A fee", reason="agreed"
    )  # fmt: skip
    assert drafted(month.archipel, JUNE).total > fee
    found = margin(actor=FINOPS, month=JUNE, by="plan")
    apart = {row.part: (row.key, row.billed, row.cost) for row in found.rows if row.part is not Part.OWNED}
    assert apart == {
        Part.FEES: ("", fee, Decimal(0)),
        Part.UNATTRIBUTED: ("", Decimal(0), Decimal(9)),
    }
    billed = drafted(month.archipel, JUNE).total
    assert (found.total.billed, found.total.cost) == (billed, Decimal("13.25"))
    assert sum(row.margin for row in found.rows) == billed - Decimal("13.25")
    (theirs,) = tenants_of_plan(actor=FINOPS, month=JUNE, plan="")
    assert (theirs.key, theirs.billed, theirs.cost) == ("archipel", fee, Decimal(0))
    told = {row["part"]: row for row in margin_json(found, "plan")["rows"]}
    assert told["unattributed"]["margin"] == "-9.000000"
    assert (told["fees"]["key"], told["fees"]["name"]) == (None, "Fees, credits and adjustments")
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client = Client()
    client.force_login(person)
    page = client.get("/fleet/margin?month=2026-06&by=plan")
    assert "Unattributed no runtime owns it 0.00 9.00 \u22129.00" in text(page)
    assert 'id="h-plan"' not in page.content.decode(), "nothing opens unasked"
    opened = text(client.get("/fleet/margin?month=2026-06&by=plan&plan="))
    assert "Fees, credits and adjustments by tenant" in opened


def test_a_bills_page_names_what_it_has_of_a_runtime_and_says_where_it_cuts(
    month: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", platform_role=PlatformRole.FINOPS
    )
    client, bill, runtime = Client(), ProviderBill.objects.get(), Runtime.objects.get()
    client.force_login(person)
    opened = f"/fleet/bills/{bill.pk}?group=compute&runtime={runtime.pk}"
    whole = text(client.get(opened))
    (product,) = set(
        ProviderCost.objects.filter(meter_group="compute", runtime=runtime.pk).values_list(
            "product", flat=True
        )
    )
    assert product
    assert f"1 Jun 2026 {product}" in whole
    assert "no resource named" not in whole
    assert "The first" not in whole
    monkeypatch.setattr(bills_fleet, "MOST_ROWS", 1)
    assert "The first 1 of 2 rows." in text(client.get(opened))
