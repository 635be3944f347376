"""What an administrator runs by hand makes the same roles as the migration."""

from __future__ import annotations

from pathlib import Path

from controlplane.tenants.isolation.roles import CREATE, MEMBERS, OWNER

FILE = Path(__file__).resolve().parents[2] / "deploy" / "roles.sql"


def test_the_file_for_administrators_says_what_the_migration_says() -> None:
    lines = [line.strip() for line in FILE.read_text().splitlines()]
    said = [line.rstrip(";") for line in lines if line and not line.startswith("--")]
    wanted = [statement.replace("CURRENT_USER", ':"migrator"') for statement in (*CREATE, *MEMBERS, *OWNER)]
    assert said == wanted
