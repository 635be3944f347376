"""Migrations of the usage store wait for nobody for long, and change an older function only where it reads as they think."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest


def migration(name: str) -> Any:
    return import_module(f"billing.usage.migrations.{name}")


@pytest.mark.parametrize(
    ("name", "back_too"),
    [
        ("0012_hours_not_made", True),
        ("0015_hours_are_accounted_for", True),
        ("0016_every_hour_is_accounted_for", False),
    ],
)
def test_a_table_that_is_written_all_the_time_is_waited_for_five_seconds(name: str, back_too: bool) -> None:
    operations = [one for one in migration(name).Migration.operations if hasattr(one, "sql")]
    assert any("lock_timeout = '5s'" in str(one.sql) for one in operations)
    assert any("lock_timeout = '5s'" in str(one.reverse_sql) for one in operations) is back_too


def test_a_function_of_before_that_reads_otherwise_is_not_taken_for_changed() -> None:
    with pytest.raises(ValueError, match="stands 0 times"):
        migration("0013_hours_for_members")._with("something else", ("greatest(first, ", "x"))
    with pytest.raises(ValueError, match="stands 2 times"):
        migration("0014_partitions_and_batches")._first("x x", "x")
