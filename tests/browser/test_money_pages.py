"""Costs, statements, prices and footprints on a phone, in both looks: accessible, nothing cut off, every figure's page there."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from billing.books import uploading
from billing.books.asking import ask_what_if, rate_due
from billing.books.loading import DATA
from billing.books.models import PriceProposal
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole
from controlplane.tenants.services import create_user
from provisioner.runtimes.models import Runtime
from tests.browser.axe import violations
from tests.browser.conftest import Open
from tests.browser.fitting import faults_at_both
from tests.browser.test_footprint import full
from tests.matrix import agreed, billed, spending
from tests.world import PASSWORD, World

__all__ = ["full"]
pytestmark = pytest.mark.django_db(transaction=True)
FINN = Actor("finn", platform_role=PlatformRole.FINOPS)


def proposed() -> str:
    """An uploaded version of the standard book with dearer cores, from the next year on."""
    text = (DATA / "standard-1.yaml").read_text().replace("version: 1", "version: 2")
    text = text.replace("2026-01-01", f"{utcnow().year + 1}-01-01").replace("0.0300", "0.0330")
    return str(uploading.propose(actor=FINN, text=text).pk)


def rated(proposal: str) -> str:
    """The address of what this month would have cost with the proposed prices."""
    month = utcnow().date().replace(day=1)
    subject = PriceProposal.objects.get(pk=proposal)
    row = ask_what_if(actor=FINN, subject=subject, month=month, instead_of="standard")
    assert rate_due() == 1
    return f"/fleet/prices/what-if/{row.pk}/"


def walked(page: Any, paths: list[str]) -> dict[str, list[str]]:
    """What is wrong on any of the pages, by its address."""
    found: dict[str, list[str]] = {}
    for path in paths:
        page.emulate_media(color_scheme="light")
        answer = page.goto(path)
        faults = [] if answer and answer.status == 200 else [f"answers {answer and answer.status}"]
        faults += faults_at_both(page, choices=True)
        faults += violations(page)
        page.emulate_media(color_scheme="dark")
        if faults := faults + violations(page, colours_only=True):
            found[path] = faults
    return found


def test_axe_finds_nothing_on_pages_about_money_and_footprints_in_either_look(
    world: World,
    full: Runtime,
    open_page: Open,
) -> None:
    things = {**billed(world), **spending(world), **agreed(world)}
    day = (utcnow() - timedelta(days=1)).date().isoformat()
    statement = f"/statements/{things['statement']}"
    page = open_page("/", user="alice", width=390)
    theirs = [
        "/costs/", "/costs/?by=meter", "/costs/prices", f"/costs/days/{day}", f"/costs/runtimes/{full.id}/",
        f"/costs/runtimes/{full.id}/{day}", "/costs/budgets/new", f"/costs/budgets/{things['budget']}/", "/statements/",
        f"{statement}/", f"{statement}/lines/{things['line']}", "/footprint?measure=money&days=7",
        f"/footprint/{full.id}?measure=carbon&days=7", "/methodology",
    ]  # fmt: skip
    assert walked(page, theirs) == {}
    fiona = create_user(actor=SYSTEM, username="fiona", password=PASSWORD, platform_role=PlatformRole.FINOPS)
    world.fiona = fiona  # type: ignore[attr-defined]
    page, proposal = open_page("/", user="fiona", width=390), proposed()
    fleet = [
        "/fleet/prices", "/fleet/prices/books/standard/1?before=kyma-capacity-units/1", f"/fleet/prices/uploads/{proposal}",
        rated(proposal), "/fleet/prices/what-if", "/fleet/rates", "/fleet/agreements",
        "/fleet/agreements/contract/new", "/fleet/agreements/commitment/new",
        f"/fleet/agreements/credit/{things['credit']}", "/fleet/margin", "/fleet/bills", "/fleet/quarantine",
        "/fleet/exports", "/fleet/footprint",
        "/costs/prices?tenant=archipel", "/statements/",
    ]  # fmt: skip
    assert walked(page, fleet) == {}
    page.goto(fleet[3])
    assert "+" in page.get_by_role("row", name="Archipel").inner_text()
