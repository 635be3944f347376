"""Adds a runtime's row by a prepared statement: its tenant's other requests stand behind the one that does."""

from __future__ import annotations

from typing import Any

from django.db import connection

from controlplane.kernel.clock import utcnow
from controlplane.tenants.isolation import prepared
from provisioner.runtimes.models import Runtime

FIELDS = [field for field in Runtime._meta.concrete_fields if not field.generated]  # noqa: SLF001 - Django's own way to ask
_COLUMNS = ", ".join(f'"{field.column}"' for field in FIELDS)
ADD = f"INSERT INTO runtimes_runtime ({_COLUMNS}) VALUES ({', '.join(['%s'] * len(FIELDS))})"  # noqa: S608 - names of columns


def values_of(runtime: Runtime) -> list[Any]:
    """Return what its row will hold, in the order of FIELDS; it is made now."""
    runtime.created_at = runtime.updated_at = utcnow()
    return [field.get_db_prep_save(getattr(runtime, field.attname), connection) for field in FIELDS]


def add(runtime: Runtime, values: list[Any]) -> None:
    """Write the new row; raises what the database says of it, as `Runtime.save` does."""
    prepared.rows(ADD, values)
    runtime._state.adding, runtime._state.db = False, connection.alias  # noqa: SLF001 - Django's own way to say: stored
