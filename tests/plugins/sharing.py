"""Shares the tests among a parallel run's workers: what bears one `xdist_group` stays together, and the longest begins first.

pytest-xdist's own `--dist loadgroup` writes the group into an item's id, which pytest 9.2 no longer lets it do: without a word
every group is torn apart, and what its tests share is built once per worker. Here the controller reads the mark where it
stands: in the file, once for all of its tests.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from xdist.scheduler import LoadScopeScheduling

_GROUP = re.compile(r'xdist_group\("(\w+)"\)')
# Most groups wait for processes, so they begin first and the others run beside them; then what takes seconds each.
FIRST = ("stack", "engine", "fuzz")
LONG = (
    "tests/api/test_every_", "tests/api/test_filters_hold_", "tests/api/test_guards_mass_", "tests/browser/",
    "tests/db/test_collecting", "tests/db/test_observer_", "tests/db/test_trial_places", "tests/pure/test_celery_",
)  # fmt: skip


@cache
def group_of(path: Path) -> str:
    """Return the group that a file's tests bear, or nothing."""
    found = _GROUP.search(path.read_text()) if path.exists() else None
    return found.group(1) if found else ""


class Sharing(LoadScopeScheduling):  # type: ignore[misc]
    """A group goes to one worker, all else test by test."""

    def _split_scope(self, nodeid: str) -> str:
        return group_of(self.config.rootpath / nodeid.partition("::")[0]) or nodeid


@pytest.hookimpl
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """Take the place of `--dist loadgroup` only."""
    if config.getvalue("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # in the order of collection, not by how many tests a scope has
    return Sharing(config, log)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In a worker, put what takes longest first, else as it was: in the end nobody waits long for another."""
    if hasattr(config, "workerinput"):
        items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    group = item.get_closest_marker("xdist_group")
    if group is not None:
        return FIRST.index(group.args[0]) if group.args[0] in FIRST else len(FIRST) - 1
    return len(FIRST) + (not item.nodeid.startswith(LONG))
