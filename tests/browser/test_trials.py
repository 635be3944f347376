"""A stranger signs up in a real browser: without a script, in a frame, and with work to do."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page
from pytest_django import Settings

from controlplane.notices.delivery import deliver_due
from controlplane.trials.models import SignUp, Trial
from tests.browser.axe import violations
from tests.browser.conftest import Complaints, Open
from tests.signed_in import present
from tests.trialling import try_out
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def fill(page: Page, email: str = "ada@engine.example") -> None:
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Company").fill("Engine Works")
    page.get_by_role("button", name="Send me the link").click()


def test_a_stranger_comes_to_a_runtime_without_a_script(
    world: World, open_page: Open, settings: Settings
) -> None:
    present(world.landscape)
    settings.EMAIL_BACKEND = "controlplane.notices.mailbox.MailboxBackend"
    page = open_page("/trial", javascript=False, width=390)
    fill(page)
    page.get_by_role("heading", name="Look into your mail").wait_for()
    deliver_due()
    page.get_by_role("link", name="look into its mailbox").click()
    page.get_by_role("link", name="Confirm your Nesoi trial").click()
    page.locator(".letter a").click()
    page.get_by_role("button", name="Confirm and begin").click()
    page.get_by_role("heading", name="Your runtime is being built").wait_for()
    assert Trial.objects.get().stage == "provisioning"


def test_the_browser_does_the_work_that_is_asked_for(
    world: World, open_page: Open, complaints: Complaints, settings: Settings
) -> None:
    complaints.expected.add(422)
    settings.TRIAL_CHECK, settings.TRIAL_WORK_BITS = "proof_of_work", 10
    page = open_page("/trial")
    fill(page)
    page.get_by_role("heading", name="Look into your mail").wait_for()
    assert SignUp.objects.get().state == "pending"


def test_axe_finds_nothing_on_a_strangers_pages(
    world: World, open_page: Open, complaints: Complaints
) -> None:
    complaints.expected |= {410, 422}
    page = open_page("/trial", width=390)
    fill(page, "nobody")
    page.get_by_text("One thing needs a change").wait_for()
    assert violations(page) == []
    for path in ("/trial/confirm/x", "/trial/sign-in", "/trial/sign-in/x", "/mailbox"):
        page.goto(path)
        assert violations(page) == [], path


def test_axe_finds_nothing_on_the_platforms_page(world: World, open_page: Open) -> None:
    present(world.landscape)
    try_out()
    page = open_page("/fleet/trials", user="sam", width=390)
    page.get_by_role("heading", name="Trials", exact=True).wait_for()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
