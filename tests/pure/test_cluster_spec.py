"""What the checked parameters mean to a landscape."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from controlplane.catalog.parameters import MaintenanceWindow
from controlplane.catalog.schema import plan_schema
from provisioner.lifecycle.cluster import _window
from provisioner.runtimes.spec import MaintenanceWindow as ClusterWindow
from tests.reviewed import reviewed_catalog

AWS = reviewed_catalog().plan_facts("aws")

SUMMER = datetime(2026, 7, 1, 12, tzinfo=UTC)
WINTER = datetime(2026, 12, 1, 12, tzinfo=UTC)


def window(begin: str, end: str, zone: str, today: datetime) -> tuple[str, str]:
    written = _window(MaintenanceWindow(begin, end, ("Sat",), zone), today)
    return written.begin, written.end


def test_without_a_wish_the_default_night_is_used() -> None:
    assert _window(None, SUMMER) == ClusterWindow("220000+0000", "230000+0000")
    told = plan_schema(AWS)["properties"]["maintenanceWindow"]["description"]
    assert "it is 22:00 to 23:00 UTC" in told


@pytest.mark.parametrize(("today", "offset"), [(SUMMER, "+0200"), (WINTER, "+0100")])
def test_a_window_is_written_with_the_offset_of_its_zone(today: datetime, offset: str) -> None:
    assert window("22:00", "23:30", "Europe/Berlin", today) == (
        f"220000{offset}",
        f"233000{offset}",
    )


def test_a_window_may_pass_midnight() -> None:
    assert window("23:00", "02:00", "UTC", SUMMER) == ("230000+0000", "020000+0000")


def test_a_window_is_cut_to_what_a_landscape_takes() -> None:
    assert window("00:00", "12:00", "UTC", SUMMER) == ("000000+0000", "060000+0000")
    assert window("00:00", "00:10", "UTC", SUMMER) == ("000000+0000", "003000+0000")
