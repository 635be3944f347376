"""Django's own command, with an executor that is quick on an empty database."""

from __future__ import annotations

from django.core.management.commands import migrate

from controlplane.config.migrating import LeanExecutor


class Command(migrate.Command):
    """`manage.py migrate`."""

    def handle(self, *args: object, **options: object) -> None:
        """Migrate; Django's command takes its executor from its module."""
        migrate.MigrationExecutor = LeanExecutor  # type: ignore[attr-defined]
        super().handle(*args, **options)
