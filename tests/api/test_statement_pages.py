"""Statements in the console: lines under their account and runtime, and refusals where they were asked for."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
import time_machine
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from billing.books.apply import apply_prices
from billing.books.loading import DATA
from billing.statements import adjusting
from billing.statements.models import Adjustment, Statement
from billing.usage.models import Day
from controlplane.console.views import statements, statements_managing
from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import create_user
from tests.months import AUGUST, CORE_HOUR, JULY, JUNE, begin, change, drafted, runtime, sealed, use
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db
TYPED = {
    "tenant": "archipel",
    "category": "Credit",
    "amount": "12.50",
    "currency": "EUR",
    "title": "Outage",
    "reason": "June",
}


@pytest.fixture
def finops(world: World) -> Client:
    begin()
    person = create_user(
        actor=SYSTEM, username="fin", password="correct horse battery", email="fin@example.org",
        platform_role=PlatformRole.FINOPS,
    )  # fmt: skip
    client = Client()
    client.force_login(person)
    return client


def test_a_refused_amount_stands_in_the_form_with_what_was_typed(world: World, finops: Client) -> None:
    address = reverse("console:adjust-statement")
    for wrong in (
        {"amount": "12.50"},
        {"amount": "much"},
        {"amount": "-12,50"},
        {"amount": "-1e999999"},
        {"tenant": "nobody"},
        {"currency": "EURO"},
        {"title": " "},
    ):
        response = finops.post(address, {**TYPED, "amount": "-12.50", **wrong})
        text = response.content.decode()
        assert response.status_code == 422, wrong
        assert "One thing needs a change" in text
        assert 'aria-invalid="true"' in text
        assert 'value="June"' in text
    assert not Adjustment.objects.exists()
    sent = {**TYPED, "amount": "-1,012.50", "token": str(uuid7())}
    assert finops.post(address, sent).status_code == 302
    assert finops.post(address, sent).status_code == 302, "pressed twice"
    assert Adjustment.objects.get().amount == Decimal("-1012.50")


def test_a_month_that_is_none_stands_in_the_form(finops: Client) -> None:
    response = finops.post(reverse("console:draft-statement"), {"tenant": "archipel", "month": "June"})
    assert response.status_code == 422
    assert "“June” is no month; write it as 2026-10." in response.content.decode()


def test_how_often_drafts_come_by_themselves_is_told_as_it_is_set(finops: Client, settings: Settings) -> None:
    address = reverse("console:draft-statement")
    assert "A draft comes by itself every 15 min;" in finops.get(address).content.decode()
    settings.STATEMENT_TICK_SECONDS = 60.0
    assert "A draft comes by itself every 1 min;" in finops.get(address).content.decode()


def test_a_month_is_sealed_once_it_was_asked_about_and_typed(world: World, finops: Client) -> None:
    use(runtime(), world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    address = reverse("console:seal-statement", args=[row.pk])
    assert f'href="{address}"' in finops.get(reverse("console:statement", args=[row.pk])).content.decode()
    asked = finops.get(address).content.decode()
    assert "be undone." in asked
    assert "Type 2026-06 to confirm." in asked
    for typed in ({}, {"confirm": "2026-07"}):
        refused = finops.post(address, typed)
        assert refused.status_code == 422
        assert "“Month of the statement” must be exactly 2026-06." in refused.content.decode()
    row.refresh_from_db()
    assert row.number is None
    text = finops.post(address, {"confirm": " 2026-06 "}, follow=True).content.decode()
    assert "June 2026 is sealed as statement" in text
    assert finops.get(address).status_code == 302, "nothing is left to ask"


def test_what_can_not_be_sealed_yet_is_told_where_it_was_asked_for(world: World, finops: Client) -> None:
    use(runtime(), world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR)
    drafted(world.archipel, JUNE)
    row = drafted(world.archipel, JULY)
    response = finops.post(reverse("console:seal-statement", args=[row.pk]), {"confirm": "2026-07"})
    assert response.status_code == 422
    text = response.content.decode()
    assert "An earlier month of this tenant is still a draft; seal that one first." in text
    assert 'value="2026-07"' in text


def test_a_draft_that_ends_with_yesterday_says_so_and_no_other_does(world: World) -> None:
    begin()
    source, sentence = runtime(), "This draft ends with yesterday; today"

    def says_so(moment: datetime, *, drafts: bool = True, month: date = JULY) -> bool:
        row = drafted(world.archipel, month, now=moment) if drafts else Statement.objects.get(month=month)
        with time_machine.travel(moment, tick=False):
            return sentence in browse(world.alice).get(f"/statements/{row.pk}/").content.decode()

    use(source, world.shop, JUNE, days=39, vcpu=10 * CORE_HOUR)
    morning, evening = datetime(2026, 7, 10, 9, tzinfo=UTC), datetime(2026, 7, 10, 21, tzinfo=UTC)
    assert says_so(morning)
    assert says_so(evening)
    assert not says_so(morning, month=JUNE), "it is over"
    assert not says_so(morning + timedelta(days=1)), "yesterday is still to be made"
    use(source, world.shop, date(2026, 7, 10), vcpu=10 * CORE_HOUR)
    assert not says_so(morning + timedelta(days=1), drafts=False), "it is made, and not in the draft"
    assert says_so(morning + timedelta(days=1))
    assert not says_so(datetime(2026, 7, 1, 9, tzinfo=UTC), drafts=False), "no day of it is over"


def test_corrections_and_credits_stand_apart_and_each_runtime_has_its_sum(
    world: World, finops: Client
) -> None:
    source = runtime()
    use(source, world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR, memory=1024 * 3600)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 20 * CORE_HOUR)
    adjusting.book_adjustment(
        actor=SYSTEM, tenant=world.archipel, category="Credit", amount=Decimal("-2.50"), currency="EUR", title="Outage",
        reason="June",
    )  # fmt: skip
    row = drafted(world.archipel, JULY)
    text = finops.get(reverse("console:statement", args=[row.pk])).content.decode()
    titles = ["h-corrections", "h-credits", "h-usage"]
    places = [text.index(f'<h2 id="{title}"') for title in titles]
    assert places == sorted(places)
    assert text.index("mends June 2026") < places[1] < text.index("Outage</a>") < places[2]
    usage = text[places[2] :]
    assert f'<th scope="rowgroup" colspan="3">{world.shop.name}</th>' in usage
    assert usage.count("9.42") == 3  # the section, the account, the runtime: 9.30 + 0.12


def test_each_section_is_linked_to_where_it_begins_on_another_page_too(
    world: World, finops: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = runtime()
    use(source, world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR, memory=1024 * 3600)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 20 * CORE_HOUR)
    address = reverse("console:statement", args=[drafted(world.archipel, JULY).pk])
    monkeypatch.setattr(statements, "LINES", 1)
    text = finops.get(address).content.decode()
    assert '<a href="#h-corrections">' in text
    assert '<a href="?from=1#h-usage">' in text
    assert 'id="h-usage"' not in text
    text = finops.get(f"{address}?from=1").content.decode()
    assert '<a href="?from=0#h-corrections">' in text
    assert '<a href="#h-usage">' in text
    assert 'id="h-usage"' in text


def test_a_correction_says_what_was_charged_before_and_what_is_now(world: World, finops: Client) -> None:
    source = runtime()
    use(source, world.shop, JUNE, days=92, vcpu=10 * CORE_HOUR)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 20 * CORE_HOUR)
    row = sealed(world.archipel, JULY)

    def facts() -> str:
        line = row.charges.get(charge_class="Correction")
        return finops.get(reverse("console:statement-line", args=[row.pk, line.line_id])).content.decode()

    text = facts()
    for name, quantity in (("Charged before", "300"), ("Charged now", "310"), ("Difference", "10")):
        assert f"<dt>{name}</dt><dd>{quantity} Core-Hours</dd>" in text
    assert "Tiers and included units are shared by the whole tenant" in text
    change(source, JUNE, "vcpu", 5 * CORE_HOUR)
    row = drafted(world.archipel, AUGUST)
    text = facts()
    for name, quantity in (("Charged before", "310"), ("Charged now", "295"), ("Difference", "\u221215")):
        assert f"<dt>{name}</dt><dd>{quantity} Core-Hours</dd>" in text


def test_a_line_that_charges_a_part_of_its_days_says_so(world: World, finops: Client) -> None:
    source = runtime()
    use(source, world.shop, JUNE, vcpu=10 * CORE_HOUR)
    row = sealed(world.archipel, JUNE)
    (line,) = row.charges.all()
    address = reverse("console:statement-line", args=[row.pk, line.line_id])
    assert "this line charges" not in finops.get(address).content.decode()
    change(source, JUNE, "vcpu", 25 * CORE_HOUR)
    text = finops.get(address).content.decode()
    assert "These days hold 25 Core-Hours; this line charges 10 Core-Hours of it." in text


def test_a_line_says_whether_its_inferred_time_is_billed(
    world: World, finops: Client, tmp_path: Path
) -> None:
    use(runtime(), world.shop, JUNE, seen=43_200, inferred=43_200, vcpu=10 * CORE_HOUR)
    Day.objects.update(inferred=5 * CORE_HOUR)

    def opened() -> str:
        row = drafted(world.archipel, JUNE)
        address = reverse("console:statement-line", args=[row.pk, row.charges.get().line_id])
        return finops.get(address).content.decode()

    assert "Inferred, not billed" in opened()
    for name in ("standard-1.yaml", "trial-1.yaml"):
        text = (DATA / name).read_text().replace("\ntitle:", "\nbills_inferred: true\ntitle:", 1)
        (tmp_path / name).write_text(text)
    apply_prices(actor=SYSTEM, directory=tmp_path)
    text = opened()
    assert "Inferred, billed" in text
    assert "10 Core-Hours observed, 5 Core-Hours inferred" in text
    assert "15 Core-Hours</dd>" in text
    for notice in ("hold less now", "this line charges"):
        assert notice not in text


def test_what_waits_and_is_not_listed_is_told(
    world: World, finops: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(2):
        adjusting.book_adjustment(
            actor=SYSTEM, tenant=world.archipel, category="Credit", amount=Decimal("-2.50"), currency="EUR",
            title=f"Outage {number}", reason="June",
        )  # fmt: skip
    listed = reverse("console:statements")
    assert "The newest" not in finops.get(listed).content.decode()
    monkeypatch.setattr(statements_managing, "WAITING", 1)
    text = finops.get(listed).content.decode()
    assert "The newest 1; the API lists the others" in text
    assert "Outage 0" not in text
