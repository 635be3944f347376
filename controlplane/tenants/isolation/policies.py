"""Migration operations that put tables under row-level security; every new table of a tenant needs one of them.

    operations = [migrations.CreateModel(name="Invitation", ...), ProtectTenantRows("tenants_invitation")]

`tests/db/test_every_table_is_isolated.py` finds a table without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db.migrations.operations.base import Operation, OperationCategory

from controlplane.tenants.isolation.roles import PLATFORM, WEB, WORKER, ensure_roles

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

TENANT = "nullif(current_setting('nesoi.tenant_id', true), '')::uuid"
PERSON = "nullif(current_setting('nesoi.user_id', true), '')::uuid"
OWN, EVERY = "own_tenant", "every_tenant"


class ProtectTenantRows(Operation):
    """Show web requests only the rows whose `tenant_column` is the tenant of their scope, and let them write no others.

    Rows without a tenant are the platform's. Reversible; the table is locked for a moment only.
    """

    reduces_to_sql = True
    reversible = True
    category: ClassVar[OperationCategory] = OperationCategory.SQL

    def __init__(self, table: str, tenant_column: str = "tenant_id") -> None:
        self.table = table
        self.tenant_column = tenant_column

    def condition(self) -> str:
        """Return when a row is the own tenant's."""
        return f"{self.tenant_column} = {TENANT}"

    def state_forwards(self, app_label: str, state: object) -> None:
        """Models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Force row-level security and add both policies."""
        with schema_editor.connection.cursor() as cursor:
            ensure_roles(cursor)
        own = self.condition()
        for statement in (
            f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY {OWN} ON {self.table} TO {WEB} USING ({own}) WITH CHECK ({own})",
            f"CREATE POLICY {EVERY} ON {self.table} TO {PLATFORM}, {WORKER} USING (true) WITH CHECK (true)",
        ):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Take both away."""
        for statement in (
            f"DROP POLICY {EVERY} ON {self.table}",
            f"DROP POLICY {OWN} ON {self.table}",
            f"ALTER TABLE {self.table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
        ):
            schema_editor.execute(statement, params=None)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Show {self.table} to its tenants only"


class ProtectChildRows(ProtectTenantRows):
    """The same for a table without a tenant of its own: its rows are seen by who sees the `parent` row they point to."""

    def __init__(self, table: str, column: str, parent: str, parent_column: str = "id") -> None:
        super().__init__(table)
        self.column = column
        self.parent = parent
        self.parent_column = parent_column

    def condition(self) -> str:
        """Return when the parent's row is the own tenant's: its own policy narrows the look at it."""
        theirs = f"{self.parent}.{self.parent_column} = {self.table}.{self.column}"
        return f"EXISTS (SELECT FROM {self.parent} WHERE {theirs})"


class AllowWeb(Operation):
    """Let web requests do one more thing with a protected table: `command` (SELECT, INSERT) where `condition` holds."""

    reduces_to_sql = True
    reversible = True
    category: ClassVar[OperationCategory] = OperationCategory.SQL

    def __init__(self, table: str, name: str, command: str, condition: str) -> None:
        self.table = table
        self.name = name
        self.command = command
        self.condition = condition

    def state_forwards(self, app_label: str, state: object) -> None:
        """Models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add the policy."""
        clause = "WITH CHECK" if self.command == "INSERT" else "USING"
        schema_editor.execute(
            f"CREATE POLICY {self.name} ON {self.table} FOR {self.command} TO {WEB} {clause} ({self.condition})",
            params=None,
        )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Take it away."""
        schema_editor.execute(f"DROP POLICY {self.name} ON {self.table}", params=None)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Allow {self.command} on {self.table}: {self.name}"


class RefuseForeign(Operation):
    """Let web requests write into a protected table no row whose `column` names a row of `parent` that their scope doesn't see.

    Foreign keys are checked without policies: without this a tenant's own row could stand for another tenant's thing.
    Reversible; costs a look by key at each row that a web request writes.
    """

    reduces_to_sql = True
    reversible = True
    category: ClassVar[OperationCategory] = OperationCategory.SQL

    def __init__(self, table: str, column: str, parent: str) -> None:
        self.table = table
        self.column = column
        self.parent = parent

    def state_forwards(self, app_label: str, state: object) -> None:
        """Models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Add a policy for each way to write."""
        seen = f"EXISTS (SELECT FROM {self.parent} WHERE {self.parent}.id = {self.table}.{self.column})"
        for command in ("INSERT", "UPDATE"):
            schema_editor.execute(
                f"CREATE POLICY {self._name(command)} ON {self.table} AS RESTRICTIVE FOR {command} TO {WEB}"
                f" WITH CHECK ({self.column} IS NULL OR {seen})",
                params=None,
            )

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Take both away."""
        for command in ("INSERT", "UPDATE"):
            schema_editor.execute(f"DROP POLICY {self._name(command)} ON {self.table}", params=None)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Refuse tenants rows of {self.table} whose {self.column} is not theirs"

    def _name(self, command: str) -> str:
        return f"no_foreign_{self.column}_{command.lower()}"
