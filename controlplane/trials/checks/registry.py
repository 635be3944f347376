"""The check in use."""

from __future__ import annotations

from typing import cast

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from controlplane.kernel.plugins import load
from controlplane.trials.checks.base import Check


def check_in_use() -> Check | None:
    """Return the check that TRIAL_CHECK names, or None where there is none; raises ImproperlyConfigured."""
    if not settings.TRIAL_CHECK:
        return None
    known = load("controlplane.trials.checks", "check")
    if settings.TRIAL_CHECK not in known:
        raise ImproperlyConfigured(
            f"TRIAL_CHECK is “{settings.TRIAL_CHECK}”; known are {', '.join(sorted(known))}."
        )
    return cast("Check", known[settings.TRIAL_CHECK])
