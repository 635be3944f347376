"""The list of runtimes in a browser: narrowed while typing, kept up to date without a reload."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.browser.conftest import Open
from tests.signed_in import build
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_typing_narrows_the_list_and_stands_in_the_address(world: World, open_page: Open) -> None:
    build(world)
    build(world, "storefront", phase="pending")
    page = open_page("/", user="alice")
    page.get_by_label("Search").press_sequentially("store")
    expect(page.get_by_role("link", name="checkout")).to_have_count(0)
    expect(page.get_by_role("link", name="storefront")).to_be_visible()
    expect(page).to_have_url(re.compile(r"\?q=store$"))
    expect(page.get_by_label("Search")).to_be_focused()
    page.get_by_label("Phase").select_option("Ready")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Clear the filters").click()
    expect(page.get_by_role("link", name="checkout")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()


def test_progress_appears_without_a_reload_and_keeps_focus_and_place(world: World, open_page: Open) -> None:
    row = build(world, phase="pending")
    for number in range(20):
        build(world, f"r{number}")
    page = open_page("/", user="alice")
    page.evaluate("window.same = true")
    link = page.get_by_role("link", name="checkout")
    link.focus()
    place = page.evaluate("scrollY")
    Runtime.objects.filter(pk=row.pk).update(phase="provisioning")
    Operation.objects.filter(runtime=row).update(state="waiting", step="await_cluster", progress=57)
    line = page.locator(f"#row-{row.pk}")
    expect(line).to_contain_text("Provisioning")
    expect(line).to_contain_text("Build the cluster")
    expect(line.locator("progress")).to_have_attribute("value", "57")
    expect(link).to_be_focused()
    assert page.evaluate("scrollY") == place
    assert page.evaluate("window.same") is True
    expect(page.locator("#spoken")).to_have_text("1 provisioning, 20 ready")


def test_a_lost_connection_is_told_and_its_return_too(world: World, open_page: Open) -> None:
    build(world)
    page = open_page("/", user="vera")
    page.route("**/runtimes/live*", lambda route: route.fulfill(status=204))
    expect(page.get_by_text("No connection to Nesoi.")).to_be_hidden()
    page.evaluate("document.dispatchEvent(new CustomEvent('htmx:sendError'))")
    expect(page.get_by_text("No connection to Nesoi.")).to_be_visible()
    expect(page.get_by_text("No connection to Nesoi.")).to_be_hidden()
