"""The reference page of the REST API in a real browser, under the strict content security policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def test_it_shows_every_operation_and_asks_no_other_server(
    page: Page, live_server: LiveServer, settings: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    complaints: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{live_server.url}/api/v1/docs")
    page.wait_for_selector("#operations-runtimes-mint_kubeconfig")
    page.locator("#operations-runtimes-create_runtime button").first.click()
    page.wait_for_selector("[data-param-name='Idempotency-Key']")
    assert complaints == []
    assert {url for url in asked if not url.startswith((live_server.url, "data:"))} == set()
