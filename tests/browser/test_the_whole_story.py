"""From the sign-in to nothing left: the promise of the README, told by a browser to a stack of real processes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import Complaints
from tests.plugins.stack import Stack

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("stack")]
PATIENCE_MS = 90_000


@pytest.fixture
def page(chromium: Browser, stack: Stack, complaints: Complaints) -> Iterator[Page]:
    context = chromium.new_context(base_url=stack.record["url"], accept_downloads=True)
    opened = context.new_page()
    complaints.watch(opened)
    yield opened
    context.close()


def sign_in(page: Page, stack: Stack) -> None:
    person = next(one for one in stack.access["console"] if one["role"] in ("admin", "owner"))
    page.goto("/")
    page.get_by_label("User name").fill(person["username"])
    page.get_by_label("Password").fill(person["password"])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", name="Runtimes", exact=True)).to_be_visible()


def test_a_runtime_is_requested_watched_used_changed_and_removed(
    page: Page, stack: Stack, tmp_path: Path
) -> None:
    before = stack.shoots().keys()
    sign_in(page, stack)
    page.get_by_role("link", name="Request a runtime").click()
    page.get_by_role("link", name="Amazon Web Services").click()
    page.get_by_label("Name", exact=True).fill("story")
    page.get_by_role("button", name="Request the runtime").click()

    expect(page.get_by_role("heading", name="story", level=1)).to_be_visible()
    page.evaluate("window.same = true")
    expect(page.locator("[aria-current=step]")).to_contain_text("Build the cluster", timeout=PATIENCE_MS)
    status = page.get_by_role("region", name="Status")
    expect(status).to_contain_text("Ready", timeout=PATIENCE_MS)
    expect(page.locator("#endpoint")).to_contain_text("https://")
    assert page.evaluate("window.same") is True
    (shoot,) = stack.shoots().keys() - before

    page.get_by_role("link", name="Kubeconfig").click()
    with page.expect_download() as download:
        page.get_by_role("button", name="Download story.yaml").click()
    file = tmp_path / download.value.suggested_filename
    download.value.save_as(file)
    assert nodes(file) >= 3

    page.get_by_role("link", name="story", exact=True).click()
    page.get_by_role("link", name="Change", exact=True).click()
    page.get_by_label("Fewest nodes").fill("4")
    page.get_by_role("button", name="Review the difference").click()
    page.get_by_role("button", name="Save").click()
    history = page.get_by_role("region", name="History").get_by_role("listitem")
    update = history.filter(has_text="Update")
    # It may wait behind what is left of the provision, with the runtime ready all along.
    expect(update).to_contain_text("Succeeded", timeout=PATIENCE_MS)
    expect(status).to_contain_text("Ready", timeout=PATIENCE_MS)
    assert stack.shoots()[shoot]["spec"]["provider"]["workers"][0]["minimum"] == 4

    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Name of the runtime").fill("story")
    page.get_by_role("button", name="Delete the runtime").click()
    expect(page.get_by_role("heading", name="This runtime is removed")).to_be_visible(timeout=PATIENCE_MS)
    assert stack.shoots().keys() <= before


def nodes(kubeconfig: Path) -> int:
    """How many nodes the cluster lists to whom this kubeconfig lets in."""
    from kubernetes import client, config

    loader: Any = config  # it comes without types
    api = loader.new_client_from_config(config_file=str(kubeconfig))
    return len(client.CoreV1Api(api).list_node().items)
