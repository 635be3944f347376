"""The request form in a browser."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import expect

from provisioner.runtimes.models import Runtime
from tests.browser.conftest import Complaints, Open
from tests.signed_in import present
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    present(world.landscape)
    present(world.shop)


def test_faults_are_told_on_top_and_lead_to_their_fields(open_page: Open, complaints: Complaints) -> None:
    complaints.expected.add(422)
    page = open_page("/runtimes/new?plan=aws", user="alice")
    page.get_by_label("Name", exact=True).fill("No Good")
    page.get_by_label("Fewest nodes").fill("30")
    page.get_by_role("button", name="Request the runtime").click()
    summary = page.get_by_role("alert").filter(has_text="2 things need a change")
    expect(summary).to_be_focused()
    summary.get_by_role("link").last.click()
    expect(page.get_by_label("Fewest nodes")).to_be_focused()
    expect(page.get_by_label("Fewest nodes")).to_have_value("30")
    page.get_by_label("Fewest nodes").fill("3")
    page.get_by_label("Name", exact=True).fill("checkout")
    page.get_by_role("button", name="Request the runtime").click()
    expect(page.get_by_role("heading", name="checkout", level=1)).to_be_visible()
    expect(page.get_by_role("status").filter(has_text="checkout is requested.")).to_be_visible()


def test_the_size_follows_what_is_typed(open_page: Open) -> None:
    page = open_page("/runtimes/new?plan=aws", user="alice")
    page.get_by_label("Most nodes").fill("7")
    expect(page.locator("#size")).to_contain_text(re.compile(r"Nodes\s*3 to 7"))
    page.get_by_label("Machine type").select_option(label="m6i.xlarge (4 vCPU, 16 GiB)")
    expect(page.locator("#size")).to_contain_text(re.compile(r"vCPU\s*12 to 28"))


def test_pools_are_added_and_removed_in_place(open_page: Open) -> None:
    page = open_page("/runtimes/new?plan=aws", user="alice")
    page.get_by_label("Name", exact=True).fill("checkout")
    page.get_by_role("button", name="Add a worker pool").click()
    pool = page.get_by_role("group", name="Worker pool 1")
    expect(pool.get_by_label("Name")).to_be_focused()
    pool.get_by_label("Name").fill("batch")
    page.get_by_role("button", name="Add a worker pool").click()
    expect(page.get_by_role("group", name="Worker pool 2").get_by_label("Name")).to_be_focused()
    page.get_by_role("button", name="Remove worker pool 2").click()
    expect(page.get_by_role("group", name="Worker pool 2")).to_have_count(0)
    expect(pool.get_by_label("Name")).to_have_value("batch")
    expect(page.get_by_label("Name", exact=True).first).to_have_value("checkout")
    page.get_by_role("button", name="Request the runtime").click()
    expect(page.get_by_role("heading", name="checkout", level=1)).to_be_visible()
    assert Runtime.objects.get().spec["parameters"]["additionalWorkerNodePools"][0]["name"] == "batch"


def test_an_impatient_double_click_requests_once(open_page: Open) -> None:
    page = open_page("/runtimes/new?plan=aws", user="alice")
    page.get_by_label("Name", exact=True).fill("checkout")
    page.get_by_role("button", name="Request the runtime").dblclick()
    expect(page.get_by_role("heading", name="checkout", level=1)).to_be_visible()
    assert Runtime.objects.count() == 1


def test_enter_in_a_field_requests_instead_of_adding_a_row(open_page: Open) -> None:
    page = open_page("/runtimes/new?plan=aws", user="alice")
    page.get_by_label("Name", exact=True).fill("checkout")
    page.get_by_label("Most nodes").press("Enter")
    expect(page.get_by_role("heading", name="checkout", level=1)).to_be_visible()


def test_the_whole_way_is_walked_with_the_keyboard_alone(open_page: Open) -> None:
    page = open_page("/", user="alice")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")

    def tab_to(name: str) -> None:
        for _ in range(60):
            page.keyboard.press("Tab")
            if name in page.evaluate(
                "(document.activeElement.labels?.[0] || document.activeElement).textContent || ''"
            ):
                return
        raise AssertionError(f"the Tab key never reached “{name}”")

    tab_to("Request a runtime")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Choose a plan")).to_be_visible()
    tab_to("Amazon Web Services")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Request a runtime")).to_be_visible()
    tab_to("Name")
    page.keyboard.type("checkout")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="checkout", level=1)).to_be_visible()
