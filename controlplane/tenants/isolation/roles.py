"""The database roles, and how a migration makes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db.utils import ProgrammingError

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

WEB = "nesoi_web"  # web requests: one tenant's rows
PLATFORM = "nesoi_platform"  # web requests of the platform's team: every tenant's rows, for one transaction
WORKER = "nesoi_worker"  # workers, beat, observer: every tenant's rows
ALL = (WEB, PLATFORM, WORKER)

# deploy/roles.sql holds the same, for a database whose migrator may not create roles.
CREATE = tuple(f"CREATE ROLE {role} NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE" for role in ALL)
# Membership without inheritance: a web transaction becomes the platform's only where it says so.
MEMBERS = (
    f"GRANT {PLATFORM} TO {WEB} WITH INHERIT FALSE, SET TRUE",
    f"GRANT {WEB}, {PLATFORM} TO {WORKER} WITH INHERIT FALSE, SET TRUE",
)
# The migrator owns the tables, and forced policies hold for owners too: as a member of the workers it sees every row.
OWNER = (
    f"GRANT {WORKER} TO CURRENT_USER WITH INHERIT TRUE, SET TRUE",
    f"GRANT {WEB}, {PLATFORM} TO CURRENT_USER WITH INHERIT FALSE, SET TRUE",
)

_UNSAFE = "SELECT rolname FROM pg_roles WHERE rolname = ANY(%s) AND (rolsuper OR rolbypassrls)"
_WHOLE = """
SELECT count(*) = 3
    AND bool_and(pg_has_role(current_user, rolname, 'SET'))
    AND bool_or(rolname = 'nesoi_worker' AND pg_has_role(current_user, rolname, 'USAGE'))
    AND bool_and(rolname = 'nesoi_web' OR NOT pg_has_role('nesoi_web', oid, 'USAGE'))
    AND bool_and(rolname <> 'nesoi_platform' OR pg_has_role('nesoi_web', oid, 'SET'))
    AND bool_and(rolname = 'nesoi_worker' OR pg_has_role('nesoi_worker', oid, 'SET'))
FROM pg_roles WHERE rolname = ANY(%s)
"""
_KNOWN = "SELECT count(*) FROM pg_roles WHERE rolname = ANY(%s)"
# Roles belong to the whole server: another of its databases may be migrated at this moment.
_TOLERANT = """
DO $$ BEGIN
    {statement};
EXCEPTION WHEN duplicate_object OR unique_violation OR internal_error THEN NULL;
END $$
"""


class RolesMissingError(ProgrammingError):
    """The database lacks roles that the migrator may not make."""


def ensure_roles(cursor: CursorWrapper) -> None:
    """Make what is missing of the three roles and their memberships; raises RolesMissingError where that is not allowed."""
    if not _are_whole(cursor):
        try:
            for statement in (*CREATE, *MEMBERS, *OWNER):
                cursor.execute(_TOLERANT.format(statement=statement))
        except ProgrammingError as error:
            raise _missing(str(error)) from error
        if not _are_whole(cursor):
            raise _missing("the memberships are not as they must be")
    cursor.execute(_UNSAFE, [list(ALL)])
    if unsafe := [row[0] for row in cursor.fetchall()]:
        names = ", ".join(unsafe)
        raise RolesMissingError(
            f"{names} would bypass row-level security: ALTER ROLE … NOSUPERUSER NOBYPASSRLS first."
        )


def _are_whole(cursor: CursorWrapper) -> bool:
    cursor.execute(_KNOWN, [list(ALL)])
    if cursor.fetchone()[0] != len(ALL):
        return False
    cursor.execute(_WHOLE, [list(ALL)])
    return bool(cursor.fetchone()[0])


def _missing(reason: str) -> RolesMissingError:
    return RolesMissingError(
        f"The database roles {', '.join(ALL)} are not there or not granted to this login ({reason.strip()}). "
        "Let an administrator of the server run deploy/roles.sql, then migrate again."
    )


def grant(cursor: CursorWrapper) -> None:
    """Let the roles work with every table and sequence of the schema, and with those that this login makes later."""
    schema, roles = _schema(cursor), ", ".join(ALL)
    for statement in (
        f"GRANT USAGE ON SCHEMA {schema} TO {roles}",
        f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {roles}",
        f"GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {roles}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO {roles}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} GRANT USAGE, SELECT ON SEQUENCES TO {roles}",
    ):
        cursor.execute(statement)


def revoke(cursor: CursorWrapper) -> None:
    """Take every right in this database back; the roles stay, for other databases of the server may use them."""
    schema, roles = _schema(cursor), ", ".join(ALL)
    for statement in (
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON TABLES FROM {roles}",
        f"ALTER DEFAULT PRIVILEGES IN SCHEMA {schema} REVOKE ALL ON SEQUENCES FROM {roles}",
        f"REVOKE ALL ON ALL TABLES IN SCHEMA {schema} FROM {roles}",
        f"REVOKE ALL ON ALL SEQUENCES IN SCHEMA {schema} FROM {roles}",
        f"REVOKE USAGE ON SCHEMA {schema} FROM {roles}",
    ):
        cursor.execute(statement)


def _schema(cursor: CursorWrapper) -> str:
    cursor.execute("SELECT quote_ident(current_schema())")
    return str(cursor.fetchone()[0])
