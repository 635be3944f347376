"""Functions that look across tenants on purpose, each answering one narrow question and showing nobody's rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from django.db.migrations.operations.base import Operation, OperationCategory

from controlplane.tenants.isolation.roles import ALL

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

# SECURITY DEFINER: it runs as the owner, who sees every tenant. Its path is pinned, so that nobody's table of the same name can
# stand in for ours.
_CREATE = """
CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql {volatility} SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $${body}$$
"""


class CreateFunctionAcrossTenants(Operation):
    """Create an SQL function that all three roles may call; `signature` is its name with its parameters.

    `writes`: it changes rows, and is called once wherever it stands.
    """

    reduces_to_sql = True
    reversible = True
    category: ClassVar[OperationCategory] = OperationCategory.SQL

    def __init__(self, signature: str, returns: str, body: str, *, writes: bool = False) -> None:
        self.signature = signature
        self.returns = returns
        self.body = body
        self.writes = writes

    def state_forwards(self, app_label: str, state: object) -> None:
        """Models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Create it."""
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT quote_ident(current_schema())")
            schema = cursor.fetchone()[0]
        create = _CREATE.format(
            signature=self.signature,
            returns=self.returns,
            volatility="VOLATILE" if self.writes else "STABLE",
            schema=schema,
            body=self.body,
        )
        name = self.signature.partition("(")[0]
        for statement in (
            create,
            f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {name} TO {', '.join(ALL)}",
        ):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Drop it."""
        schema_editor.execute(f"DROP FUNCTION {self.signature.partition('(')[0]}", params=None)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Create the function {self.signature}"
