"""Functions that look across tenants on purpose, each answering one narrow question and showing nobody's rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from controlplane.tenants.isolation.roles import ALL
from controlplane.tenants.isolation.statements import Statements

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState

# SECURITY DEFINER: it runs as the owner, who sees every tenant. Its path is pinned, so that nobody's table of the same name can
# stand in for ours.
_CREATE = """
CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql {volatility} SECURITY DEFINER
    SET search_path = pg_catalog, {schema}, pg_temp AS $${body}$$
"""


class CreateFunctionAcrossTenants(Statements):
    """Create an SQL function that all three roles may call; `signature` is its name with its parameters.

    `writes`: it changes rows, and is called once wherever it stands.
    """

    def __init__(self, signature: str, returns: str, body: str, *, writes: bool = False) -> None:
        self.signature = signature
        self.returns = returns
        self.body = body
        self.writes = writes

    def forwards(self, schema: str) -> Sequence[str]:
        """Create it."""
        create = _CREATE.format(
            signature=self.signature,
            returns=self.returns,
            volatility="VOLATILE" if self.writes else "STABLE",
            schema=schema,
            body=self.body,
        )
        name = self.signature.partition("(")[0]
        return (
            create,
            f"REVOKE ALL ON FUNCTION {name} FROM PUBLIC",
            f"GRANT EXECUTE ON FUNCTION {name} TO {', '.join(ALL)}",
        )

    def backwards(self) -> Sequence[str]:
        """Drop it."""
        return (f"DROP FUNCTION {self.signature.partition('(')[0]}",)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Create the function {self.signature}"


class ReplaceFunctionAcrossTenants(CreateFunctionAcrossTenants):
    """Give such a function another body; `before` is the one that it had. Who may call it stays."""

    def __init__(self, signature: str, returns: str, body: str, *, before: str) -> None:
        super().__init__(signature, returns, body)
        self.before = before

    def forwards(self, schema: str) -> Sequence[str]:
        """Put the new body in its place."""
        create = super().forwards(schema)[0]
        return (create.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1),)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Put the old one back."""
        back = ReplaceFunctionAcrossTenants(self.signature, self.returns, self.before, before=self.body)
        back.database_forwards(app_label, schema_editor, to_state, from_state)

    def describe(self) -> str:
        """Say it for `migrate --plan`."""
        return f"Replace the body of the function {self.signature}"
