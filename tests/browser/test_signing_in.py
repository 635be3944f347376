"""Signing in, as a person does it."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Complaints, Open
from tests.signed_in import present
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db(transaction=True)


def test_a_wrong_password_is_told_and_the_name_is_kept(
    world: World, open_page: Open, complaints: Complaints
) -> None:
    complaints.expected.add(422)
    present(world.alice)
    page = open_page("/accounts/")
    page.get_by_label("User name").fill("alice")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("User name or password is wrong.")
    expect(page.get_by_role("alert")).to_be_focused()
    expect(page.get_by_label("User name")).to_have_value("alice")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Accounts", exact=True)).to_be_visible()


def test_the_account_menu_opens_closes_and_signs_out(open_page: Open) -> None:
    page = open_page("/", user="alice")
    menu = page.locator("[data-menu]")
    menu.locator("summary").click()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Sign out")).to_be_hidden()
    menu.locator("summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", name="Welcome to Nesoi")).to_be_visible()


def test_the_look_changes_at_once_and_stays(open_page: Open) -> None:
    page = open_page("/", user="alice")
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    with page.expect_response("**/theme"):
        page.get_by_role("button", name="Use the dark look").click()
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert dark != light
    page.reload()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == dark
    expect(page.get_by_role("button", name="Use the light look")).to_be_visible()


def test_it_all_works_without_javascript(open_page: Open, world: World) -> None:
    world.shop  # noqa: B018 - who has no account is offered nothing
    page = open_page("/", user="alice", javascript=False)
    page.get_by_role("button", name="Use the dark look").click()
    expect(page.get_by_role("button", name="Use the light look")).to_be_visible()
    page.get_by_role("link", name="Request your first runtime").click()
    page.get_by_role("link", name="Amazon Web Services").click()
    page.get_by_role("button", name="Add a worker pool").click()
    expect(page.get_by_role("group", name="Worker pool 1")).to_be_visible()
