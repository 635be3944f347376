"""Tells after a run how many CPU seconds the tests took that ask for `cpu_seconds`: those that have a budget."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator

import pytest

SPENT = "cpu_seconds"


@pytest.fixture
def cpu_seconds(record_property: Callable[[str, object], None]) -> Iterator[None]:
    """Note what this process used for the test."""
    began = time.process_time()
    yield
    record_property(SPENT, time.process_time() - began)


@pytest.hookimpl
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Tell the sum of each test's cases."""
    spent: Counter[str] = Counter()
    for report in terminalreporter.getreports("") + terminalreporter.getreports("passed"):
        if report.when == "teardown":
            seconds = dict(report.user_properties).get(SPENT, 0.0)
            spent[report.nodeid.partition("[")[0]] += seconds
    for name, seconds in spent.items():
        if seconds:
            terminalreporter.write_line(f"{seconds:.1f} CPU seconds: {name}")
