"""What every test may ask for."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from contextlib import ExitStack

import pytest
import pytest_django
from pytest_django.plugin import blocking_manager_key

pytest_plugins = [
    "tests.plugins.cpu",
    "tests.plugins.database",
    "tests.plugins.garbage",
    "tests.plugins.hypotheses",
    "tests.plugins.isolation",
    "tests.plugins.loops",
    "tests.plugins.reading",
    "tests.plugins.sharing",
    "tests.plugins.simulator",
    "tests.plugins.stack",
    "tests.plugins.rabbitmq",  # takes a port as a stack does
]


def pytest_configure() -> None:
    """What is slow by design, or for one long life, and so too dear for thousands of short ones."""
    from django.conf import settings

    # A hash that takes a third of a second per person.
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    # Reading every static file at the start of a server: each client of a test is one. They are looked up when asked for.
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(scope="session")
def django_db_setup(
    django_db_setup: None, is_a_copy: bool, django_db_blocker: pytest_django.DjangoDbBlocker
) -> Iterator[None]:
    """The reviewed catalog stands in every test's database from the start."""
    from tests.plugins.database import end_sessions, fill
    from tests.plugins.putting_back import putting_back

    with ExitStack() as rest:
        with django_db_blocker.unblock():
            if not is_a_copy:
                fill()
            rest.enter_context(putting_back())
        yield
    with django_db_blocker.unblock():
        end_sessions()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Generator[None]:
    """Empty what a test that empties every table leaves, and bring the catalog back behind the last of some such tests."""
    try:
        yield
    finally:
        if nextitem is not None and _touches_rows(item):
            with item.config.stash[blocking_manager_key].unblock():
                _make_ready(item, nextitem)


def _make_ready(item: pytest.Item, nextitem: pytest.Item) -> None:
    from tests.plugins.database import empty_the_rest, mend
    from tests.world import ensure_catalog

    emptied = _empties(item)
    if emptied:
        empty_the_rest()
    if mend(item.nodeid) or (emptied and not _empties(nextitem)):
        ensure_catalog()


def _touches_rows(item: pytest.Item) -> bool:
    return bool(
        set(getattr(item, "fixturenames", ())) & {"db", "transactional_db", "live_server", "django_db_setup"}
    )


def _empties(item: pytest.Item) -> bool:
    mark = item.get_closest_marker("django_db")
    wanted = set(getattr(item, "fixturenames", ()))
    return bool((mark and mark.kwargs.get("transaction")) or wanted & {"transactional_db", "live_server"})


@pytest.fixture
def world(db: None) -> object:
    """The shared cast, on top of the reviewed catalog, which a transactional test before may have emptied on others' servers."""
    from tests.plugins.postgres import SUPERUSER
    from tests.world import World, ensure_catalog

    if SUPERUSER not in os.environ:
        ensure_catalog()
    return World()
