"""System checks: refuse combinations of settings that would endanger a production installation."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage, Error, register

SHORTEST_SECRET_KEY = 32


@register("nesoi")
def dangerous_combinations(app_configs: Sequence[AppConfig] | None, **kwargs: Any) -> list[CheckMessage]:
    """Return an error for each setting that is unsafe outside the embedded default."""
    if settings.EMBEDDED:
        return []
    found: list[CheckMessage] = []

    def refuse(condition: bool, number: str, message: str, hint: str) -> None:
        if condition:
            found.append(Error(message, hint=hint, id=f"nesoi.E{number}"))

    key = settings.SECRET_KEY
    weak = key == settings.INSECURE_SECRET_KEY or len(key) < SHORTEST_SECRET_KEY
    refuse(settings.DEBUG, "001", "DEBUG is on in production.", "Unset DEBUG.")
    refuse(
        weak,
        "002",
        "SECRET_KEY is the default or too short.",
        f"Set SECRET_KEY to at least {SHORTEST_SECRET_KEY} random characters.",
    )
    refuse(
        "*" in settings.ALLOWED_HOSTS,
        "003",
        "ALLOWED_HOSTS admits every host.",
        "Name the hosts that this installation answers for.",
    )
    refuse(
        not settings.SECURE_COOKIES,
        "004",
        "Session cookies would travel over plain HTTP.",
        "Unset SECURE_COOKIES, or set it to true.",
    )
    refuse(
        settings.PUBLIC_URL.startswith("http://"),
        "005",
        "PUBLIC_URL is plain HTTP.",
        "Serve Nesoi over HTTPS and set PUBLIC_URL to its https:// address.",
    )
    return found
