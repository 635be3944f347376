"""Migration operations that put tables under row-level security; every new table of a tenant needs one of them.

    operations = [migrations.CreateModel(name="Invitation", ...), ProtectTenantRows("tenants_invitation")]

`tests/db/test_every_table_is_isolated.py` finds a table without.
"""

from __future__ import annotations

from collections.abc import Sequence

from controlplane.tenants.isolation.roles import PLATFORM, WEB, WORKER
from controlplane.tenants.isolation.statements import Statements

TENANT = "nullif(current_setting('nesoi.tenant_id', true), '')::uuid"
PERSON = "nullif(current_setting('nesoi.user_id', true), '')::uuid"
OWN, EVERY = "own_tenant", "every_tenant"


class ProtectTenantRows(Statements):
    """Show web requests only the rows whose `tenant_column` is the tenant of their scope, and let them write no others.

    Rows without a tenant are the platform's. The table is locked for a moment only.
    """

    def __init__(self, table: str, tenant_column: str = "tenant_id") -> None:
        self.table = table
        self.tenant_column = tenant_column

    def condition(self) -> str:
        """Return when a row is the own tenant's."""
        return f"{self.tenant_column} = {TENANT}"

    def forwards(self, schema: str) -> Sequence[str]:
        """Force row-level security and add both policies."""
        own = self.condition()
        return (
            f"ALTER TABLE {self.table} ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY",
            f"CREATE POLICY {OWN} ON {self.table} TO {WEB} USING ({own}) WITH CHECK ({own})",
            f"CREATE POLICY {EVERY} ON {self.table} TO {PLATFORM}, {WORKER} USING (true) WITH CHECK (true)",
        )

    def backwards(self) -> Sequence[str]:
        """Take both away."""
        return (
            f"DROP POLICY {EVERY} ON {self.table}",
            f"DROP POLICY {OWN} ON {self.table}",
            f"ALTER TABLE {self.table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY",
        )

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


class AllowWeb(Statements):
    """Let web requests do one more thing with a protected table: `command` (SELECT, INSERT) where `condition` holds."""

    def __init__(self, table: str, name: str, command: str, condition: str) -> None:
        self.table = table
        self.name = name
        self.command = command
        self.condition = condition

    def forwards(self, schema: str) -> Sequence[str]:
        """Add the policy."""
        clause = "WITH CHECK" if self.command == "INSERT" else "USING"
        return (
            f"CREATE POLICY {self.name} ON {self.table} FOR {self.command} TO {WEB} {clause} ({self.condition})",
        )

    def backwards(self) -> Sequence[str]:
        """Take it away."""
        return (f"DROP POLICY {self.name} ON {self.table}",)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Allow {self.command} on {self.table}: {self.name}"


class RefuseForeign(Statements):
    """Let web requests write into a protected table no row whose `column` names a row of `parent` that their scope doesn't see.

    Foreign keys are checked without policies: without this a tenant's own row could stand for another tenant's thing.
    Costs a look by key at each row that a web request writes.
    """

    def __init__(self, table: str, column: str, parent: str) -> None:
        self.table = table
        self.column = column
        self.parent = parent

    def forwards(self, schema: str) -> Sequence[str]:
        """Add a policy for each way to write."""
        seen = f"EXISTS (SELECT FROM {self.parent} WHERE {self.parent}.id = {self.table}.{self.column})"
        return [
            f"CREATE POLICY {self._name(command)} ON {self.table} AS RESTRICTIVE FOR {command} TO {WEB}"
            f" WITH CHECK ({self.column} IS NULL OR {seen})"
            for command in ("INSERT", "UPDATE")
        ]

    def backwards(self) -> Sequence[str]:
        """Take both away."""
        return [f"DROP POLICY {self._name(command)} ON {self.table}" for command in ("INSERT", "UPDATE")]

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Refuse tenants rows of {self.table} whose {self.column} is not theirs"

    def _name(self, command: str) -> str:
        return f"no_foreign_{self.column}_{command.lower()}"
