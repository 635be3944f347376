"""What this room's migration operations have in common: statements forward and back, models as they are."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from django.db.migrations.operations.base import Operation, OperationCategory

from controlplane.tenants.isolation.roles import ensure_roles

if TYPE_CHECKING:
    from django.db.backends.base.schema import BaseDatabaseSchemaEditor
    from django.db.migrations.state import ProjectState


class Statements(Operation):
    """Runs statements that change no model; reversible."""

    reduces_to_sql = True
    reversible = True
    category: ClassVar[OperationCategory] = OperationCategory.SQL

    @abstractmethod
    def forwards(self, schema: str) -> Sequence[str]:
        """Return what to run in the schema of this quoted name; the roles are there."""

    @abstractmethod
    def backwards(self) -> Sequence[str]:
        """Return what takes it away."""

    def state_forwards(self, app_label: str, state: object) -> None:
        """Models stay as they are."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Run it."""
        with schema_editor.connection.cursor() as cursor:
            ensure_roles(cursor)
            cursor.execute("SELECT quote_ident(current_schema())")
            (schema,) = cursor.fetchone()
        for statement in self.forwards(schema):
            schema_editor.execute(statement, params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: ProjectState,
        to_state: ProjectState,
    ) -> None:
        """Take it away."""
        for statement in self.backwards():
            schema_editor.execute(statement, params=None)
