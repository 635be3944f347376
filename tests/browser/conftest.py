"""A real Chromium, people who sign in with it, and a watch over everything that a page must never do."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    expect,
    sync_playwright,
)

from tests.signed_in import present
from tests.world import PASSWORD, World

CHROMIUM = Path(os.environ.get("CHROMIUM", "/usr/bin/chromium"))
# Of what should come at once: a machine that does much else at a time is no fault of the page's.
PATIENCE_MS = 30_000
LIMIT_SECONDS = 400
expect.set_options(timeout=PATIENCE_MS)
# Playwright's own loop runs in the test's thread; Django would take that for an asynchronous view.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test of this folder, and skip them with the remedy where there is no Chromium."""
    here = [item for item in items if Path(__file__).parent in item.path.parents]
    missing = pytest.mark.skip(
        reason=f"There is no Chromium at {CHROMIUM}: install it (Debian: apt-get install chromium) or set CHROMIUM."
    )
    for item in here:
        item.add_marker(pytest.mark.browser)
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(LIMIT_SECONDS))
        if not CHROMIUM.exists():
            item.add_marker(missing)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as started:
        yield started


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    browser = playwright.chromium.launch(
        executable_path=str(CHROMIUM), args=["--no-sandbox", "--disable-dev-shm-usage"]
    )
    loop = asyncio._get_running_loop()
    yield browser
    asyncio._set_running_loop(loop)  # the last test may have been one from which it was hidden
    browser.close()


class Complaints:
    """What pages complained about: script errors, refused scripts and styles, failed requests."""

    def __init__(self) -> None:
        self.found: list[str] = []
        self.expected: set[int] = set()  # statuses that a test provokes

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.found.append(f"error in {page.url}: {error}"))

    def _console(self, message: ConsoleMessage) -> None:
        provoked = any(f"status of {status} " in message.text for status in self.expected)
        # htmx reports what was aborted on purpose: a poll by leaving the page, a hint by typing on.
        aborted = message.text.startswith(("htmx:afterRequest", "htmx:sendError", "htmx:sendAbort"))
        if message.type in ("error", "warning") and not provoked and not aborted:
            self.found.append(f"{message.type}: {message.text}")


@pytest.fixture
def complaints() -> Iterator[Complaints]:
    """Fails the test when any of its pages complained."""
    kept = Complaints()
    yield kept
    assert kept.found == []


Open = Callable[..., Page]


@pytest.fixture
def open_page(chromium: Browser, world: World, live_server: object, complaints: Complaints) -> Iterator[Open]:
    """Opens a page: `open_page("/", user="alice", width=390, scheme="dark", javascript=False)`."""
    contexts: list[BrowserContext] = []

    def opened(
        path: str, *, user: str = "", width: int = 1440, scheme: str = "light", javascript: bool = True
    ) -> Page:
        context = chromium.new_context(
            base_url=str(live_server),
            viewport={"width": width, "height": 900},
            color_scheme=scheme,  # type: ignore[arg-type]
            java_script_enabled=javascript,
            reduced_motion="reduce",
        )
        context.set_default_timeout(PATIENCE_MS)
        contexts.append(context)
        page = context.new_page()
        complaints.watch(page)
        if user:
            present(getattr(world, user))
            page.goto("/sign-in")
            page.get_by_label("User name").fill(user)
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/")
        page.goto(path)
        return page

    yield opened
    for context in contexts:
        context.close()
