"""What tenancy wants done by rooms above it: mail sent, sessions ended; and what it asks them about a tenant.

Those rooms fill these at start-up: `ports.notify = its_function`. Read them through the module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from controlplane.tenants.access import Actor


class Notify(Protocol):
    """Writes a message into the outbox, in the caller's transaction."""

    def __call__(
        self, *, to: str, kind: str, context: Mapping[str, Any], tenant_id: UUID | None, dedupe_key: str = ""
    ) -> object:
        """Raises Refused email_invalid."""


class EndSessions(Protocol):
    """Ends every session of a member."""

    def __call__(self, *, actor: Actor, tenant_id: UUID, user_id: UUID) -> int:
        """Return how many."""


def _send_nothing(
    *, to: str, kind: str, context: Mapping[str, Any], tenant_id: UUID | None, dedupe_key: str = ""
) -> object:
    return None


def _nobody(tenant_id: UUID) -> bool:
    return False


def _no_sessions(*, actor: Actor, tenant_id: UUID, user_id: UUID) -> int:
    return 0


notify: Notify = _send_nothing
end_sessions: EndSessions = _no_sessions
# Whether a tenant only tries us out: strangers made it, so less is trusted to it.
on_trial: Callable[[UUID], bool] = _nobody
# Each answers what of its room still lives in a tenant, in words such as “3 runtimes”: then it can't be closed.
living: list[Callable[[UUID], Sequence[str]]] = []
# Each ends the ways into a tenant that its room keeps, in the caller's transaction, and returns how many there were of each.
doors: list[Callable[[UUID], Mapping[str, int]]] = []
