"""What would endanger an installation keeps it from starting, and says what to do; the embedded demo may do all of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.test import override_settings

from controlplane.config.checks import dangerous_combinations

PRODUCTION: dict[str, Any] = {
    "EMBEDDED": False,
    "DEBUG": False,
    "SECRET_KEY": "k" * 50,
    "ALLOWED_HOSTS": ["nesoi.example.com"],
    "SECURE_COOKIES": True,
    "PUBLIC_URL": "https://nesoi.example.com",
}
DANGERS: list[tuple[dict[str, Any], str, str]] = [
    ({"DEBUG": True}, "nesoi.E001", "Unset DEBUG"),
    ({"SECRET_KEY": settings.INSECURE_SECRET_KEY}, "nesoi.E002", "Set SECRET_KEY"),
    ({"SECRET_KEY": "k" * 31}, "nesoi.E002", "Set SECRET_KEY"),
    ({"ALLOWED_HOSTS": ["nesoi.example.com", "*"]}, "nesoi.E003", "Name the hosts"),
    ({"SECURE_COOKIES": False}, "nesoi.E004", "SECURE_COOKIES"),
    ({"PUBLIC_URL": "http://nesoi.example.com"}, "nesoi.E005", "Serve Nesoi over HTTPS"),
    ({"PUBLIC_URL": ""}, "nesoi.E005", "Serve Nesoi over HTTPS"),
]


@pytest.mark.parametrize(("danger", "number", "remedy"), DANGERS, ids=lambda value: str(value)[:40])
def test_each_danger_is_refused_by_its_number_with_the_remedy(
    danger: dict[str, Any], number: str, remedy: str
) -> None:
    with override_settings(**PRODUCTION | danger):
        (found,) = dangerous_combinations(None)
        assert (found.id, remedy in (found.hint or "")) == (number, True)
        with pytest.raises(SystemCheckError, match=number):
            call_command("check", tags=["nesoi"])


def test_a_production_that_is_none_of_it_starts() -> None:
    with override_settings(**PRODUCTION):
        assert dangerous_combinations(None) == []


def test_all_dangers_are_told_at_once() -> None:
    with override_settings(**PRODUCTION | {"DEBUG": True, "ALLOWED_HOSTS": ["*"], "SECURE_COOKIES": False}):
        assert [one.id for one in dangerous_combinations(None)] == ["nesoi.E001", "nesoi.E003", "nesoi.E004"]


def test_the_demo_on_ones_own_machine_is_let_be() -> None:
    with override_settings(**PRODUCTION | {"EMBEDDED": True, "DEBUG": True, "ALLOWED_HOSTS": ["*"]}):
        assert dangerous_combinations(None) == []
