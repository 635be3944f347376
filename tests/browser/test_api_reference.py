"""The reference page of the REST API in a real browser, under the strict content security policy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from pytest_django.live_server_helper import LiveServer

from controlplane.api.views.reference import document

pytestmark = pytest.mark.django_db(transaction=True)
# Swagger UI takes the underscore of an operation's name in a link for a space of old; the link works.
UNDERSCORE = "Deprecated: escaping deep link whitespace"
SCREENS = 200  # and no more, should its end never come


@pytest.fixture
def page(chromium: Browser) -> Iterator[Page]:
    context = chromium.new_context()
    yield context.new_page()
    context.close()


def all_scrolled_by(page: Page) -> set[str]:
    """The operations seen on the way down: Swagger UI draws those in view and a few around them."""
    found: set[str] = set()
    page.mouse.move(400, 400)
    for _ in range(SCREENS):
        page.wait_for_timeout(100)
        found |= set(page.locator(".opblock").evaluate_all("found => found.map(one => one.id)"))
        if page.evaluate("innerHeight + scrollY >= document.documentElement.scrollHeight"):
            break
        page.mouse.wheel(0, 400)
    return found


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
    page.wait_for_selector("#operations-tag-reference")
    assert all_scrolled_by(page) == {
        f"operations-{operation['tags'][0]}-{operation['operationId']}"
        for path in document()["paths"].values()
        for operation in path.values()
    }
    page.goto(f"{live_server.url}/api/v1/docs#/runtimes/create_runtime")
    page.reload()
    page.wait_for_selector("[data-param-name='Idempotency-Key']")
    assert [one for one in complaints if not one.startswith(UNDERSCORE)] == []
    assert {url for url in asked if not url.startswith((live_server.url, "data:"))} == set()
