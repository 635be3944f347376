"""Whatever a request changes stands in the audit trail, and so does whatever it was denied, at every endpoint."""

from __future__ import annotations

from http import HTTPStatus

import pytest
from django.core.cache import cache
from django.db import connection

from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.models import AuditEvent
from controlplane.tenants.services import issue_token
from tests.api.asking import Asking
from tests.api.test_every_endpoint import ENDPOINTS, ROWS, sent
from tests.matrix import Cells, things_of
from tests.world import World, member

pytestmark = pytest.mark.django_db

# What a stranger writes, whose address does not belong into a trail that is kept for ever; confirming the address leaves a trace.
OF_STRANGERS = {"trials_signup", "trials_signinlink", "trials_capacity", "notices_notice"}
# What says that somebody is there, and no more.
OF_PRESENCE = {"identity_usersession", "django_session", "console_submission", "api_idempotencyrecord"}
CHANGED = """
SELECT relname, pg_stat_get_xact_tuples_inserted(oid) + pg_stat_get_xact_tuples_updated(oid)
    + pg_stat_get_xact_tuples_deleted(oid)
FROM pg_class WHERE relkind = 'r' AND relnamespace = current_schema()::regnamespace
"""


def changes() -> dict[str, int]:
    """How many rows of each table this transaction has written."""
    with connection.cursor() as cursor:
        cursor.execute(CHANGED)
        return dict(cursor.fetchall())


def written_since(before: dict[str, int]) -> set[str]:
    found = {table for table, number in changes().items() if number != before.get(table, 0)}
    return found - OF_STRANGERS - OF_PRESENCE - {"tenants_auditevent"}


def trace(outcome: str) -> int:
    return AuditEvent.objects.filter(outcome=outcome).count()


def test_what_is_changed(world: World) -> None:
    things, cells = things_of(world), Cells()
    owner = Asking(member("olga", world.archipel, Role.OWNER))
    team = {
        role: Asking(token=issue_token(actor=SYSTEM, name=f"p-{role}", platform_role=role)[1])
        for role in (PlatformRole.ADMIN, PlatformRole.FINOPS, PlatformRole.SRE)
    }
    for asking in (owner, *team.values()):
        asking.get("/me")  # that a token is used is noted once in a while
    writes, seen = [one for one in ENDPOINTS if one[1] != "GET"], 0
    for endpoint in writes:
        with cells.cell(endpoint):
            row = ROWS[endpoint]
            whose = next((team[role] for role in team if role in row.platform), owner)
            asking = owner if Role.OWNER in row.roles or row.public else whose
            before, told = changes(), trace("done")
            answer = sent(asking, endpoint, things)
            written = written_since(before)
            if written and answer.status_code < HTTPStatus.BAD_REQUEST:  # else what is counted was taken back
                assert trace("done") > told, (answer.status_code, written)
                seen += 1
    cells.all_held(writes)
    assert seen > len(writes) // 2


def test_what_is_denied(world: World) -> None:
    things, cells = things_of(world), Cells()
    vera = Asking(member("vera-too", world.archipel, Role.VIEWER))
    vera.get("/me")
    denied = [one for one in ENDPOINTS if not ROWS[one].public and Role.VIEWER not in ROWS[one].roles]
    for endpoint in denied:
        with cells.cell(endpoint):
            cache.clear()  # so many in one minute would be told as one
            told = trace("denied")
            assert sent(vera, endpoint, things).status_code == 403
            assert trace("denied") == told + 1
    cells.all_held(denied)
