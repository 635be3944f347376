"""Where people reach this installation."""

from __future__ import annotations

from typing import Protocol

from django.conf import settings


class Asked(Protocol):
    """What is needed of a request: Django's, or REST framework's around it."""

    @property
    def scheme(self) -> str | None:
        """Either `http` or `https`."""
        ...

    def get_host(self) -> str:
        """Return the host that ALLOWED_HOSTS has let in."""
        ...


def base_of(request: Asked) -> str:
    """Return scheme and host that people use, for example `https://nesoi.example`: PUBLIC_URL, or else the request's."""
    return settings.PUBLIC_URL or f"{request.scheme}://{request.get_host()}"
