"""A version of a price book that is older than a meter stays as it is, and `prices apply` warns while it holds."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
import time_machine
from django.core.management import call_command

from billing.books import loading
from billing.books.apply import Applied, apply_prices
from billing.books.loading import DATA, BooksInvalidError
from billing.books.models import PriceBook
from controlplane.catalog.loading.reading import read_document
from controlplane.tenants.access import SYSTEM

pytestmark = pytest.mark.django_db


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "books"
    shutil.copytree(DATA, copy)
    return copy


def apply(folder: Path, *, dry_run: bool = False) -> Applied:
    return apply_prices(actor=SYSTEM, directory=folder, dry_run=dry_run)


def edit(folder: Path, change: Callable[[str], str], *, to: str = "standard-1") -> None:
    text = (folder / "standard-1.yaml").read_text()
    changed = change(text)
    assert changed != text
    (folder / f"{to}.yaml").write_text(changed)


def second(text: str, *, since: str = "2026-12-01") -> str:
    return text.replace("version: 1", "version: 2").replace("2026-01-01", since)


@pytest.fixture
def later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Lets a meter come that no book speaks of."""
    known = loading.meter_facts()
    facts = {**known, "later": known["vcpu"]}
    return lambda: monkeypatch.setattr(loading, "meter_facts", lambda: facts)


def named(doubts: tuple[str, ...]) -> list[str]:
    assert all(
        "has no price for usage of later: no statement with such usage can be" in one for one in doubts
    )
    return [one.split()[0] for one in doubts]


def test_versions_that_hold_without_a_price_for_a_later_meter_are_named(
    folder: Path, later: Callable[[], None]
) -> None:
    edit(folder, second, to="standard-2")
    assert apply(folder).doubts == ()
    trial = PriceBook.objects.get(key="trial")
    PriceBook.objects.create(
        key="archipel", version=1, title="Own", currency="EUR", effective_from=trial.effective_from,
        document=trial.document | {"key": "archipel"}, digest="0" * 64, uploaded=True,
    )  # fmt: skip
    later()
    holding = ["kyma-capacity-units/1", "standard/1", "standard/2", "trial/1", "archipel/1"]
    with time_machine.travel(datetime(2026, 11, 30, 23, tzinfo=UTC)):
        assert named(apply(folder, dry_run=True).doubts) == holding
    holding.remove("standard/1")
    with time_machine.travel(datetime(2026, 12, 1, tzinfo=UTC)):
        assert named(apply(folder).doubts) == holding


@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("free: [", "free: [later, "),
        lambda text: text.replace(
            "lines:\n",
            "lines:\n  - {key: later, meter: later, unit: Core-Hours, price: {rule: per_unit, price: 1}}\n",
        ),
    ],
)
def test_a_next_version_with_a_price_for_it_or_that_names_it_under_free_ends_the_warning(
    folder: Path, later: Callable[[], None], change: Callable[[str], str]
) -> None:
    apply(folder)
    later()
    edit(folder, lambda text: change(second(text, since="2026-02-01")), to="standard-2")
    assert named(apply(folder).doubts) == ["kyma-capacity-units/1", "trial/1"]


def test_a_price_for_some_of_a_later_meter_is_not_enough(folder: Path, later: Callable[[], None]) -> None:
    later()
    line = (
        "  - {key: later, meter: later, unit: Core-Hours, plans: [aws], price: {rule: per_unit, price: 1}}\n"
    )
    edit(folder, lambda text: text.replace("lines:\n", f"lines:\n{line}"))
    with pytest.raises(BooksInvalidError, match="add a line for all of it"):
        apply(folder)
    document = read_document(folder, folder / "standard-1.yaml").data
    assert loading.unpriced(document) == ["later"]


def test_the_command_warns_of_versions_without_a_price(later: Callable[[], None]) -> None:
    call_command("prices", "apply", stdout=StringIO())
    later()
    out = StringIO()
    call_command("prices", "apply", stdout=out)
    assert "warning: trial/1 has no price for usage of later: no statement" in out.getvalue()
    assert out.getvalue().endswith("The price books are up to date.\n")
