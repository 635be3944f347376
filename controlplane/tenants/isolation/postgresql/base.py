"""The database wrapper: what Django calls a connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import transaction
from django.db.backends.postgresql import base
from psycopg import OperationalError, errors, pq

from controlplane.tenants.isolation.scopes import Scope, current_scope

if TYPE_CHECKING:
    from collections.abc import Callable

_BEFORE = "SELECT current_setting('role'), current_setting('nesoi.tenant_id', true), current_setting('nesoi.user_id', true)"


class DatabaseWrapper(base.DatabaseWrapper):
    """Begins every transaction inside of a scope with that scope."""

    def __init__(self, *arguments: Any, **keywords: Any) -> None:
        super().__init__(*arguments, **keywords)
        self.execute_wrappers.append(self._in_a_transaction)

    def _set_autocommit(self, autocommit: bool) -> None:
        super()._set_autocommit(autocommit)  # type: ignore[misc] # Django's own, unknown to its stubs
        scope = None if autocommit else current_scope()
        if scope is None:
            return
        try:
            # One message: BEGIN costs a round trip anyway. psycopg sees the transaction and sends no BEGIN of its own.
            self._say(f"BEGIN; {scope.sql}")
        except Exception:
            self._forget_transaction()
            raise

    def _in_a_transaction(
        self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]
    ) -> Any:
        """Give a statement that stands alone a transaction, for only a transaction has a scope."""
        if self.in_atomic_block or current_scope() is None or not self.get_autocommit():
            return execute(sql, params, many, context)
        with transaction.atomic(using=self.alias):
            return execute(sql, params, many, context)

    @contextmanager
    def changed_over(self, scope: Scope, before: Scope | None) -> Iterator[None]:
        """Put an open transaction into the scope, and back into what it was; does nothing outside of one."""
        if not self.in_atomic_block or self.connection is None:
            yield
            return
        if self.connection.pgconn.transaction_status == pq.TransactionStatus.IDLE:
            self._say("BEGIN")  # psycopg would send it with the first statement only
        if not self._is_in_transaction():  # it failed already: nothing can be done in it
            yield
            return
        back = before.sql_inside if before else self._as_it_is()
        self._say(scope.sql_inside)
        try:
            yield
        finally:
            if self._is_in_transaction():  # a failed one takes its settings along when it is rolled back
                self._say(back)

    def _is_in_transaction(self) -> bool:
        link = self.connection
        if link is None or not self.in_atomic_block:
            return False
        return bool(link.pgconn.transaction_status == pq.TransactionStatus.INTRANS)

    def _as_it_is(self) -> str:
        result = self._say(_BEFORE)
        role, tenant_id, user_id = (
            (result.get_value(0, column) or b"").decode() for column in range(result.nfields)
        )
        return f"SET LOCAL nesoi.tenant_id = '{tenant_id}'; SET LOCAL nesoi.user_id = '{user_id}'; SET LOCAL ROLE {role}"

    def _say(self, sql: str) -> pq.abc.PGresult:
        """Send statements of ours in one message, past the cursors: they count as part of the BEGIN."""
        with self.wrap_database_errors:
            pgconn = self.connection.pgconn
            result: pq.abc.PGresult = pgconn.exec_(sql.encode())
            if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                return result
            if pgconn.status == pq.ConnStatus.BAD:
                raise OperationalError("the server closed the connection")
            raise errors.error_from_result(result)

    def _forget_transaction(self) -> None:
        if self.connection.pgconn.status == pq.ConnStatus.BAD:
            self.close()
            return
        self.connection.rollback()
        super()._set_autocommit(autocommit=True)  # type: ignore[misc]
