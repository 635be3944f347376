"""Whose rows the present request may see: set once who asks is known, told to PostgreSQL by every transaction.

Inside a scope each transaction begins with it, in the same message to the server as its BEGIN, and a statement outside of any
transaction gets one of its own. Without a scope the role of the connection decides: a web process (`nesoi_web`) sees nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast
from uuid import UUID

from django.db import connection, transaction

from controlplane.tenants.isolation.roles import PLATFORM, WEB

if TYPE_CHECKING:
    from controlplane.tenants.access import Actor
    from controlplane.tenants.isolation.postgresql.base import DatabaseWrapper


@dataclass(frozen=True)
class Scope:
    """The rows of one tenant, or of all (`platform`); with `user_id`, a person's own memberships too."""

    tenant_id: UUID | None = None
    user_id: UUID | None = None
    platform: bool = False

    @property
    def sql(self) -> str:
        """Return the statements that put a new transaction into this scope; ids are UUIDs, so nothing needs quoting."""
        words = [f"SET LOCAL ROLE {PLATFORM if self.platform else WEB}"]
        if self.tenant_id:
            words.append(f"SET LOCAL nesoi.tenant_id = '{UUID(str(self.tenant_id))}'")
        if self.user_id:
            words.append(f"SET LOCAL nesoi.user_id = '{UUID(str(self.user_id))}'")
        return "; ".join(words)

    @property
    def sql_inside(self) -> str:
        """Return the same for a transaction that another scope may have marked before."""
        return f"SET LOCAL nesoi.tenant_id = ''; SET LOCAL nesoi.user_id = ''; {self.sql}"


_current: ContextVar[Scope | None] = ContextVar("scope", default=None)


def current_scope() -> Scope | None:
    """Return the scope that the next transaction begins with."""
    return _current.get()


@contextmanager
def scoped(scope: Scope) -> Iterator[None]:
    """Let everything inside see the scope's rows only; an open transaction changes over, and back at the end."""
    before = _current.get()
    token = _current.set(scope)
    try:
        with _backend().changed_over(scope, before):
            yield
    finally:
        _current.reset(token)


def tenant_scope(tenant_id: UUID, *, user_id: UUID | None = None) -> AbstractContextManager[None]:
    """Let everything inside see one tenant's rows only."""
    return scoped(Scope(tenant_id=tenant_id, user_id=user_id))


def platform_scope() -> AbstractContextManager[None]:
    """Let everything inside see every tenant's rows: for the platform's team, and where no tenant can be known yet."""
    return scoped(Scope(platform=True))


def person_scope(user_id: UUID) -> AbstractContextManager[None]:
    """Let everything inside see a person's memberships, and the tenants of these; nothing else of any tenant."""
    return scoped(Scope(user_id=user_id))


def scope_of(actor: Actor) -> Scope:
    """Return the rows that an actor of a request may see: a tenant's, or all for one of the platform's team."""
    return Scope(actor.tenant_id, actor.user_id, platform=actor.sees_every_tenant)


@contextmanager
def one_transaction() -> Iterator[None]:
    """Run what is inside in one transaction, in the open one when there is one: for requests that only read."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        yield


def _backend() -> DatabaseWrapper:
    return cast("DatabaseWrapper", connection)
