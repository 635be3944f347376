"""A statement taken away: CSV and PDF, the same bytes for the same sealed statement; and the command that checks."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import time_machine
from django.core.management import CommandError, call_command
from django.db import connection
from pypdf import PdfReader

from billing.pricing.amounts import written
from billing.statements.as_csv import as_csv
from billing.statements.as_pdf import as_pdf
from billing.statements.evidence import computed_anew, days_of, has_evidence, hours_of, samples_of, sums_of
from billing.statements.models import Charge, Statement
from billing.statements.queries import following
from billing.statements.reading import lines_of
from billing.statements.sections import Section, groups_of
from tests import usage as fleet
from tests.months import CORE_HOUR, GIB_HOUR, JULY, JUNE, begin, change, drafted, runtime, sealed, use
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def world(db: None) -> World:
    begin()
    return World()


@pytest.fixture
def july(world: World) -> Statement:
    source = runtime()
    use(source, world.shop, JUNE, days=61, vcpu=10 * CORE_HOUR, memory=7 * GIB_HOUR, node__m5_large=86_400)
    sealed(world.archipel, JUNE)
    change(source, JUNE, "vcpu", 20 * CORE_HOUR)
    return sealed(world.archipel, JULY)


def test_the_csv_has_a_row_for_each_line_and_adds_up(july: Statement) -> None:
    rows = list(csv.DictReader(io.StringIO(as_csv(july, lines_of(july)).decode())))
    assert len(rows) == july.charges_count
    assert sum(Decimal(row["billed_cost"]) for row in rows) == july.total
    assert {row["statement"] for row in rows} == {"2"}
    assert [row["corrects"] for row in rows if row["class"] == "Correction"] == ["2026-06"]


def test_both_files_are_the_same_bytes_whenever_they_are_written(july: Statement) -> None:
    files = [(as_csv(july, lines_of(july)), as_pdf(july, lines_of(july), tenant="Archipel"))]
    with time_machine.travel("2031-01-01"):
        fresh = Statement.objects.get(pk=july.pk)
        files.append((as_csv(fresh, lines_of(fresh)), as_pdf(fresh, lines_of(fresh), tenant="Archipel")))
    assert files[0] == files[1]
    assert files[0][1].startswith(b"%PDF-")


def test_a_draft_says_that_it_is_one(world: World) -> None:
    use(runtime(), world.shop, JUNE, vcpu=CORE_HOUR)
    row = drafted(world.archipel, JUNE)
    assert b"\r\ndraft,2026-06," in as_csv(row, lines_of(row))
    assert as_pdf(row, lines_of(row), tenant="Archipel")


NAMES = (
    "Łódź Śląsk",
    "Ελλάδα Ἀθῆναι",
    "Žluťoučký kůň",
    "İstanbul Şişli ığ",
    "Київ Їжак",
    "Москва Ђорђе",
    "Zürich Ærø",
)


def test_names_of_all_of_europe_stand_in_a_pdf(july: Statement) -> None:
    account = str(Charge.objects.filter(statement=july)[0].account)
    july.names[account] = NAMES[0]
    found = text_of(as_pdf(july, lines_of(july), tenant=", ".join(NAMES)))
    assert all(name in found for name in NAMES)
    assert found.count(NAMES[0]) > 1


def test_letters_that_the_font_lacks_do_not_break_a_pdf(july: Statement) -> None:
    assert "??, July 2026" in text_of(as_pdf(july, lines_of(july), tenant="東京"))


def test_a_pdf_shows_corrections_apart_and_what_each_section_adds_up_to(july: Statement) -> None:
    found = text_of(as_pdf(july, lines_of(july), tenant="Archipel"))
    found_groups = groups_of(lines_of(july))
    sections = {
        group.section: sum((one.billed for one in found_groups if one.section == group.section), Decimal(0))
        for group in found_groups
    }
    assert set(sections) == {Section.CORRECTIONS, Section.USAGE}
    assert sum(sections.values()) == july.total
    for section, billed in sections.items():
        assert f"{section.title}: {written(billed, 'EUR')}" in found
    assert found.index(Section.CORRECTIONS.title) < found.index(f"{Section.USAGE.title}:")


def test_no_text_in_a_csv_is_a_formula(world: World, july: Statement) -> None:
    line = Charge.objects.filter(statement=july).first()
    assert line is not None
    line.description = "=HYPERLINK(1)"
    assert b",'=HYPERLINK(1)\r\n" in as_csv(july, [line])


def test_the_command_verifies_and_finds_what_was_changed(july: Statement, capsys: Any) -> None:
    call_command("statements", "verify")
    assert "2 statement(s) are as they were sealed" in capsys.readouterr().out
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE statements_charge DISABLE TRIGGER USER")
        cursor.execute(
            "UPDATE statements_charge SET description = 'other' WHERE statement_id = %s", [july.pk]
        )
    with pytest.raises(CommandError, match="2026-07: Its lines were changed") as caught:
        call_command("statements", "verify")
    assert caught.value.returncode == 1
    call_command("statements", "verify", "--month", "2026-06", "--tenant", "archipel")
    with pytest.raises(CommandError, match="no month"):
        call_command("statements", "verify", "--month", "June")


def test_a_line_opens_to_days_hours_and_samples(world: World) -> None:
    start = fleet.morning(2)
    fleet.begin(start)
    source = fleet.live(start, gone=start + 2 * fleet.HOUR, tenant=world.archipel.id, account=world.shop.id)
    seen = fleet.slots(start, 18)
    fleet.send([fleet.sight(source, slot) for slot in seen])
    roll_up()
    row = drafted(world.archipel, start.date().replace(day=1), now=fleet.morning(0))
    line = Charge.objects.get(statement=row, meter="vcpu")
    assert has_evidence(line)
    (day,) = days_of(line)
    assert day.quantity == line.base_quantity == 4000 * 18 * 300
    assert (day.observed_seconds, day.alive_seconds) == (5400, 7200)
    hours = hours_of(line, start.date())
    assert sums_of(hours).quantity == day.quantity
    assert [hour.observed_seconds for hour in hours] == [3600, 1800]
    samples = samples_of(line, start)
    assert [(sample.slot, sample.level) for sample in samples] == [(slot, 4000) for slot in seen[:12]]
    assert samples_of(line, start.replace(year=2020)) == []
    egress = Charge.objects.filter(statement=row, meter="egress").first()
    if egress is not None:
        assert sums_of(hours_of(egress, start.date())).quantity == egress.base_quantity


def test_a_correction_names_the_days_of_which_hours_came_out_different_since_its_month_was_sealed(
    world: World,
) -> None:
    start = fleet.morning(2)
    fleet.begin(start)
    source = fleet.live(start, gone=start + 2 * fleet.HOUR, tenant=world.archipel.id, account=world.shop.id)
    fleet.send([fleet.sight(source, slot) for slot in fleet.slots(start, 18)])
    roll_up()
    month = start.date().replace(day=1)
    line = Charge.objects.get(statement=drafted(world.archipel, month, now=fleet.morning(0)), meter="vcpu")
    line.origin_month = JUNE
    row = Statement(tenant=world.archipel, month=following(month))
    assert computed_anew(row, line) == [], "nothing was sealed before"
    use(runtime(), world.shop, JUNE, vcpu=CORE_HOUR)
    sealed(world.archipel, JUNE, now=datetime(2026, 7, 2, tzinfo=UTC))
    assert computed_anew(row, line) == [(start.date(), 2)]
    row.sealed_at = start + fleet.HOUR
    assert computed_anew(row, line) == [], "what changed since it was sealed is another one's"


def text_of(pdf: bytes) -> str:
    return "\n".join(page.extract_text() for page in PdfReader(io.BytesIO(pdf)).pages)


def roll_up() -> None:
    from billing.usage import days, hours

    while hours.roll_up():
        pass
    while days.roll_up_days():
        pass
