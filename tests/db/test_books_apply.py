"""`prices apply` makes the price books equal to the files, once, whole or not at all, and never changes a used version."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from billing.books import loading
from billing.books.apply import Applied, ApplyRefusedError, apply_prices
from billing.books.differences import Change
from billing.books.loading import DATA, BooksInvalidError, read_books
from billing.books.models import PlanPrices, PriceBook
from billing.pricing import bounds
from controlplane.catalog.models import Plan
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor
from controlplane.tenants.models import AuditEvent

pytestmark = pytest.mark.django_db

OPERATOR = Actor(name="operator:ada")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "books"
    shutil.copytree(DATA, copy)
    return copy


def apply(folder: Path = DATA, *, dry_run: bool = False) -> Applied:
    return apply_prices(actor=OPERATOR, directory=folder, dry_run=dry_run)


def edit(folder: Path, change: Callable[[str], str], *, name: str = "standard-1", to: str = "") -> None:
    text = (folder / f"{name}.yaml").read_text()
    changed = change(text)
    assert changed != text
    (folder / f"{to or name}.yaml").write_text(changed)


def second(text: str, *, since: str = "2026-12-01") -> str:
    """The second version of the standard book: processors cost more."""
    text = text.replace("version: 1", "version: 2").replace("2026-01-01", since)
    return text.replace("price: 0.0300", "price: 0.0310")


def use(version: str = "standard/1", until: str = "2026-11-01") -> None:
    key, _, number = version.partition("/")
    row = PriceBook.objects.filter(key=key, version=int(number))
    assert row.update(used_at=utcnow(), used_until=date.fromisoformat(until)) == 1


def test_the_shipped_books_load_and_every_plan_has_one() -> None:
    applied = apply()
    assert applied.written
    assert set(PriceBook.objects.values_list("key", flat=True)) == {
        "standard",
        "trial",
        "kyma-capacity-units",
    }
    books = dict(PlanPrices.objects.values_list("plan", "book"))
    assert set(books) == set(Plan.objects.values_list("key", flat=True))
    assert (books["aws"], books["trial"], books["free"]) == ("standard", "trial", "trial")


def test_a_second_apply_changes_nothing() -> None:
    apply()
    assert apply() == Applied((), written=False)
    assert AuditEvent.objects.filter(action="prices.apply").count() == 1


def test_a_dry_run_tells_and_writes_nothing(folder: Path) -> None:
    apply()
    edit(folder, lambda text: text.replace("price: 0.0300", "price: 0.0310"))
    applied = apply(folder, dry_run=True)
    where = "lines.vcpu.price.tiers.0.price"
    assert applied.changes == (Change("book", "standard/1", "change", ((where, "0.0300", "0.0310"),)),)
    assert not applied.written
    assert apply(folder).changes == applied.changes


def test_a_version_that_nobody_used_may_be_mended(folder: Path) -> None:
    apply()
    edit(folder, lambda text: text.replace("price: 0.0300", "price: 0.0310"))
    apply(folder)
    assert (
        PriceBook.objects.get(key="standard").document["lines"][0]["price"]["tiers"][0]["price"] == "0.0310"
    )


def test_a_used_version_is_refused_and_the_reason_says_what_to_do(folder: Path) -> None:
    apply()
    use()
    edit(folder, lambda text: text.replace("price: 0.0300", "price: 0.0310"))
    with pytest.raises(ApplyRefusedError, match=r"standard/1 was used .* until 2026-11-01 .*add version 2"):
        apply(folder)
    with pytest.raises(ApplyRefusedError):
        apply(folder, dry_run=True)
    assert (
        PriceBook.objects.get(key="standard").document["lines"][0]["price"]["tiers"][0]["price"] == "0.0300"
    )


def test_a_used_version_ends_where_the_next_begins(folder: Path) -> None:
    apply()
    use()
    edit(folder, second, to="standard-2")
    apply(folder)
    ends = dict(PriceBook.objects.filter(key="standard").values_list("version", "effective_to"))
    assert ends == {1: date(2026, 12, 1), 2: None}
    assert apply(folder).changes == ()


def test_the_next_version_can_not_begin_in_a_period_that_was_sealed(folder: Path) -> None:
    apply()
    use(until="2027-01-01")
    edit(folder, second, to="standard-2")
    with pytest.raises(ApplyRefusedError, match="let the next one begin on that day or later"):
        apply(folder)


def test_a_used_version_can_not_be_taken_away(folder: Path) -> None:
    edit(folder, second, to="standard-2")
    apply(folder)
    use()
    (folder / "standard-1.yaml").unlink()
    with pytest.raises(ApplyRefusedError, match="restore its file"):
        apply(folder)


def test_the_boundary_between_unused_versions_may_move_both_ways(folder: Path) -> None:
    edit(folder, second, to="standard-2")
    apply(folder)
    for since in ("2027-03-01", "2026-06-01"):
        (folder / "standard-2.yaml").write_text(second((folder / "standard-1.yaml").read_text(), since=since))
        apply(folder)
        assert PriceBook.objects.get(key="standard", version=1).effective_to == date.fromisoformat(since)


def test_a_book_that_no_file_names_stays(folder: Path, tmp_path: Path) -> None:
    apply()
    contracts = tmp_path / "contracts"
    contracts.mkdir()
    edit(folder, lambda text: text.replace("key: standard", "key: archipel"))
    shutil.copy(folder / "standard-1.yaml", contracts / "archipel-1.yaml")
    apply(contracts)
    assert PriceBook.objects.filter(key="standard").exists()


def test_a_plan_changes_its_book_with_the_next_month() -> None:
    apply()
    plan = Plan.objects.get(key="aws")
    plan.definition = plan.definition | {"price_book": "kyma-capacity-units"}
    plan.save()
    apply()
    rows = list(PlanPrices.objects.filter(plan="aws").values_list("book", "effective_from", "effective_to"))
    following = rows[1][1]
    assert rows == [
        ("standard", date(2000, 1, 1), following),
        ("kyma-capacity-units", following, None),
    ]
    assert following.day == 1
    assert following > utcnow().date()
    plan.definition = plan.definition | {"price_book": "trial"}
    plan.save()
    apply()
    assert [row.book for row in PlanPrices.objects.filter(plan="aws")] == ["standard", "trial"]


def test_a_plan_whose_book_there_is_not_is_refused() -> None:
    plan = Plan.objects.get(key="aws")
    plan.definition = plan.definition | {"price_book": "gold"}
    plan.save()
    with pytest.raises(ApplyRefusedError, match="plan aws names the price book gold, which there is not"):
        apply()
    assert not PriceBook.objects.exists()


def test_every_fault_of_every_file_is_told_with_its_line(folder: Path) -> None:
    edit(folder, lambda text: text.replace("price: 0.0300", "price: NaN").replace("meter: nfs", "meter: nsf"))
    edit(folder, lambda text: text.replace("currency: EUR", "currency: Euro"), name="trial-1")
    with pytest.raises(BooksInvalidError) as caught:
        read_books(folder)
    told = str(caught.value).splitlines()
    assert told[0].startswith("standard-1.yaml:16: price is NaN, which is no number; write digits")
    assert told[1].startswith("standard-1.yaml:50: there is no meter nsf; choose one of")
    assert told[2].startswith("trial-1.yaml:5: 'Euro' is no currency of ISO 4217")
    assert len(told) == 3


def test_versions_that_overlap_are_told_with_the_line(folder: Path) -> None:
    edit(folder, lambda text: second(text, since="2025-06-01"), to="standard-2")
    with pytest.raises(BooksInvalidError, match=r"standard-2.yaml:6: it begins no later than version 1"):
        read_books(folder)


def test_an_end_after_the_next_beginning_is_told_with_the_line(folder: Path) -> None:
    edit(folder, second, to="standard-2")
    edit(
        folder,
        lambda text: text.replace(
            "effective_from: 2026-01-01", "effective_from: 2026-01-01\neffective_to: 2027-01-01"
        ),
    )
    with pytest.raises(BooksInvalidError, match=r"standard-1.yaml:7: it overlaps version 2"):
        read_books(folder)


def with_a_long_text(text: str) -> str:
    return text.replace("description: Traffic to the internet", f"description: {'x' * 600}")


def test_a_version_taken_before_there_were_bounds_stays_as_its_file_has_it(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    edit(folder, with_a_long_text)
    with monkeypatch.context() as before:
        before.setattr(bounds, "LONGEST_TEXT", 1000)
        apply(folder)
    use()
    assert apply(folder).changes == ()
    edit(folder, lambda text: second(text).replace("x" * 600, "Traffic"), to="standard-2")
    assert ("book", "standard/2", "add") in [change[:3] for change in apply(folder).changes]


def test_what_is_new_or_changed_is_held_to_the_bounds(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    edit(folder, with_a_long_text)
    with pytest.raises(BooksInvalidError, match="a text has at most 500 characters"):
        apply(folder)
    with monkeypatch.context() as before:
        before.setattr(bounds, "LONGEST_TEXT", 1000)
        apply(folder)
    edit(folder, lambda text: text.replace("x" * 600, "x" * 599))
    with pytest.raises(BooksInvalidError, match="this one has 599"):
        apply(folder)
    edit(folder, lambda text: text.replace("x" * 599, "x" * 600))
    edit(folder, second, to="standard-2")
    with pytest.raises(BooksInvalidError, match=r"standard-2.yaml:\d+: a text has at most"):
        apply(folder)


def test_a_meter_that_came_later_keeps_no_stored_version_from_being_applied(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply(folder)
    use()
    known = loading.meter_facts()
    monkeypatch.setattr(loading, "meter_facts", lambda: {**known, "later": known["vcpu"]})
    assert apply(folder).changes == ()
    edit(folder, second, to="standard-2")
    with pytest.raises(BooksInvalidError, match="usage of later has no price") as caught:
        apply(folder)
    assert [fault.file for fault in caught.value.faults] == ["standard-2.yaml"]


def test_a_file_has_the_name_of_what_it_holds(folder: Path) -> None:
    (folder / "standard-1.yaml").rename(folder / "standard.yaml")
    with pytest.raises(BooksInvalidError, match=r"name it standard-1.yaml"):
        read_books(folder)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE books_pricebook SET document = '{}'",
        "UPDATE books_pricebook SET effective_from = '2025-01-01'",
        "UPDATE books_pricebook SET effective_to = '2026-10-01'",
        "UPDATE books_pricebook SET used_at = NULL, used_until = NULL",
        "UPDATE books_pricebook SET used_until = '2026-02-01'",
        "DELETE FROM books_pricebook",
    ],
)
def test_postgresql_itself_refuses_to_change_a_used_version(statement: str) -> None:
    apply()
    use()
    with (
        pytest.raises(IntegrityError, match="was used for statements"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(f"{statement} WHERE key = 'standard'")
    with connection.cursor() as cursor:
        cursor.execute("UPDATE books_pricebook SET effective_to = '2026-11-01' WHERE key = 'standard'")
        assert cursor.rowcount == 1


def test_postgresql_itself_refuses_two_prices_at_once() -> None:
    apply()
    row = PriceBook.objects.get(key="standard")
    row.pk, row.version = None, 2
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS books_pricebook_never_overlaps IMMEDIATE")
    with pytest.raises(IntegrityError, match="never_overlaps"), transaction.atomic():
        row.save(force_insert=True)


def test_the_command_prints_what_it_does(folder: Path) -> None:
    out = StringIO()
    call_command("prices", "apply", "--dry-run", stdout=out)
    assert "+ price book standard/1" in out.getvalue()
    assert "nothing was written" in out.getvalue()
    call_command("prices", "apply", stdout=StringIO())
    edit(folder, second, to="standard-2")
    out = StringIO()
    call_command("prices", "apply", "--dir", str(folder), stdout=out)
    assert '~ price book standard/1\n    effective_to: null -> "2026-12-01"' in out.getvalue()
    out = StringIO()
    call_command("prices", "show", stdout=out)
    assert "plan aws: standard" in out.getvalue()


def test_the_command_says_what_is_wrong_and_exits_with_its_code(folder: Path) -> None:
    call_command("prices", "apply", stdout=StringIO())
    use()
    edit(folder, lambda text: text.replace("price: 0.0300", "price: 0.0310"))
    with pytest.raises(CommandError, match="Refused; nothing was changed") as refused:
        call_command("prices", "apply", "--dir", str(folder))
    assert refused.value.returncode == 3
    edit(folder, lambda text: text.replace("rule: graduated", "rule: gradual"))
    with pytest.raises(CommandError, match="there is no price rule gradual; choose one of") as wrong:
        call_command("prices", "apply", "--dir", str(folder))
    assert wrong.value.returncode == 2
