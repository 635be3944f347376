"""Whose hours are asked for by tenant: across tenants only for members of the platform's and the workers' roles.

Before, everybody but the web's role itself was let in: a login that inherits the web's rights and forgets to become it, too. And
a time that begins within an hour is answered from the next whole one on, not with nothing.
"""

from importlib import import_module

from django.db import migrations

from controlplane.tenants.isolation.functions import ReplaceFunctionAcrossTenants

BEFORE = import_module("billing.usage.migrations.0011_hours_in_blocks").HOURS_OF
# As the policies of tables have it: by membership. Within this function, which runs as its owner, the setting still says who asks.
ASKER = "CASE current_setting('role') WHEN 'none' THEN session_user ELSE current_setting('role')::name END"


def _with(text, *changes):
    """Return a text with each change made, which it must have room for once."""
    for old, new in changes:
        if text.count(old) != 1:
            raise ValueError(f"{old!r} stands {text.count(old)} times in the function of before.")
        text = text.replace(old, new)
    return text


HOURS_OF = _with(
    BEFORE,
    (
        "greatest(first, ",
        "greatest(date_trunc('hour', first - interval '1 microsecond', 'UTC') + interval '1 hour', ",
    ),
    (
        "OR current_setting('role') <> 'nesoi_web')",
        f"OR pg_has_role({ASKER}, 'nesoi_platform', 'USAGE') OR pg_has_role({ASKER}, 'nesoi_worker', 'USAGE'))",
    ),
)


class Migration(migrations.Migration):
    """One function; nothing is locked, and nothing waited for but another migration."""

    dependencies = [("usage", "0012_hours_not_made")]

    operations = [
        ReplaceFunctionAcrossTenants(
            "usage_hours_of(of_tenant uuid, first timestamptz, last timestamptz, of_runtime uuid DEFAULT NULL)",
            "SETOF usage_hour",
            HOURS_OF,
            before=BEFORE,
        ),
    ]
