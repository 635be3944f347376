"""What the lifecycle asks rooms above it; they fill these at start-up. Read them through the module.

Each of `may_begin` is asked inside the transaction that creates a runtime, once tenant, account and quota allow it, and raises
Refused where it does not: read only, indexed, no network.
"""

from __future__ import annotations

from collections.abc import Callable

from controlplane.tenants.models import Account

may_begin: list[Callable[[Account], None]] = []
