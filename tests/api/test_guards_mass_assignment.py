"""The guard against fields that nobody offered: what a request adds to its body reaches no column."""

from __future__ import annotations

from typing import Any

import pytest
from django.apps import apps
from django.db import connection
from django.db.models import ForeignKey, UUIDField
from django.test import Client

from controlplane.tenants.access import Role
from controlplane.tenants.models import Account, ApiToken, AuditEvent, Tenant
from controlplane.trials.models import SignUp
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.api.test_every_console_page import ROWS as PAGES
from tests.api.test_every_console_page import afresh
from tests.api.test_every_endpoint import ROWS
from tests.matrix import Cells, things_of, undone, written
from tests.signed_in import browse, build
from tests.world import World, member

pytestmark = pytest.mark.django_db

ADDED: dict[str, Any] = {
    "id": "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
    "tenant_id": "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
    "phase": "ready",
    "platform_role": "admin",
    "created_by": "somebody",
    "runtime_quota": 1000,
    "is_superuser": True,
    "__proto__": {"admin": True},
}
WRITES = sorted(key for key, row in ROWS.items() if isinstance(row.body, dict))


def test_every_endpoint_refuses_fields_that_it_does_not_name(world: World) -> None:
    things, cells = things_of(world), Cells()
    alice, sam = Asking(world.alice), Asking(world.sam)
    before = written()
    for endpoint in WRITES:
        asking = alice if ROWS[endpoint].roles else sam
        with cells.cell(endpoint):
            path, body = ROWS[endpoint].path.format(**things), ROWS[endpoint].body
            for field, value in ADDED.items():
                with undone():
                    answer = asking.ask(endpoint[1], path, {**body, field: value}, {})
                    after = written()
                if answer.status_code == 403:  # whom it is not for
                    break
                assert problem(answer) == (422, "unknown_field"), (field, answer.content)
                assert read(answer)["errors"][0]["field"] == field
                assert after == before
    cells.all_held(WRITES)


@pytest.mark.parametrize("inside", ["parameters", "labels"])
def test_nor_does_a_runtime_take_them_further_inside(alice: Asking, inside: str) -> None:
    wish = {**WISH, inside: {**WISH[inside], "tenant_id": {"x": 1}, "cluster_spec": {}}}
    assert alice.post("/runtimes", wish).status_code == 422
    assert not Runtime.objects.exists()


def test_forms_of_the_console_take_their_own_fields_only(world: World) -> None:
    more = {key: str(value) for key, value in ADDED.items()}
    runtime = build(world)
    alice = browse(world.alice)
    before = standing_row(runtime)
    basalt = str(world.basalt.id)
    foreign = {**more, "tenant": "basalt", "tenant_id": basalt, "cluster_name": "x", "phase": "failed"}
    saved = {**foreign, "labels": "a=b", "revision": str(runtime.revision)}
    assert alice.post(f"/runtimes/{runtime.id}/labels", saved).status_code == 302
    assert Runtime.objects.get(pk=runtime.pk).labels == {"a": "b"}
    assert standing_row(runtime) == before
    alice.post("/accounts/", {**foreign, "slug": "labor", "name": "Labor"})
    account = Account.objects.get(slug="labor")
    assert (str(account.id) == more["id"], account.tenant) == (False, world.archipel)
    token = {"name": "ci", "role": "viewer", "scopes": "read", "expires_in_days": "30"}
    alice.post("/tokens/", {**foreign, **token})
    row = ApiToken.objects.get(name="ci")
    assert (row.tenant, row.role, row.platform_role) == (world.archipel, "viewer", "")
    assert Tenant.objects.get(slug="archipel").runtime_quota == world.archipel.runtime_quota


FORMS = sorted(
    key for key, row in PAGES.items() if key[1] == "POST" and (Role.OWNER in row.roles or row.public)
)
PLANTED = "planted-by-hand"
OURS = ("controlplane.", "provisioner.", "billing.")
# What one form or another has a field for.
ASKED_FOR = {
    "name", "slug", "role", "reason", "email", "labels", "plan", "scopes", "region", "password", "username", "note",
    "kind", "pattern", "issuer", "client_id", "client_secret", "group_roles", "groups_claim", "domains", "contact",
    "enabled", "challenge", "company", "service_account", "token", "rows", "runtime",
}  # fmt: skip


def test_no_form_of_the_console_writes_what_it_has_no_field_for(world: World) -> None:
    """Every column of every table is sent along by its name, beside what the form itself has."""
    things, cells = things_of(world), Cells()
    basalt = str(world.basalt.id)
    client = browse(member("olga", world.archipel, Role.OWNER))
    tried: tuple[dict[str, str], ...] = (
        {},
        columns(of_ids=False, value=PLANTED),
        columns(of_ids=True, value=basalt),
    )
    for page in FORMS:
        with cells.cell(page):
            (plain, before), (texts, with_texts), (ids, with_ids) = [
                told_of(client, page, things, added) for added in tried
            ]
            assert plain == texts == ids  # else a form refused a value, and nothing was tried
            assert PLANTED not in with_texts
            assert PLANTED.encode().hex() not in with_texts  # nor among bytes
            assert with_ids.count(basalt) == before.count(basalt)
    cells.all_held(FORMS)


def told_of(
    client: Client, page: tuple[str, str], things: dict[str, str], added: dict[str, str]
) -> tuple[int, str]:
    """What a form with more in it answers, and all that is then written."""
    path, own = PAGES[page].path.format(**things), PAGES[page].body or {}
    with undone():
        status = afresh(client).post(path, {**added, **own}).status_code
        return status, everything()


def columns(*, of_ids: bool, value: str) -> dict[str, str]:
    """Every column of our tables that holds an id, or none, with the value; but those that forms do have fields for."""
    found = {
        name: isinstance(field, UUIDField | ForeignKey)
        for model in ours()
        for field in model._meta.concrete_fields
        for name in (field.name, field.attname)
    }
    return {name: value for name, is_id in found.items() if is_id == of_ids and name not in ASKED_FOR}


def ours() -> list[Any]:
    return [one for one in apps.get_models() if one.__module__.startswith(OURS)]


def everything() -> str:
    """All rows of all tables but the trail, which tells what was asked; in one statement, for hundreds ask for it."""
    tables = [one._meta.db_table for one in ours() if one is not AuditEvent]
    rows = [f'(SELECT json_agg(t)::text FROM "{table}" t)' for table in tables]
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(rows))
        return str(cursor.fetchone())


def test_a_strangers_form_too() -> None:
    form = {"email": "ada@engine.example", "company": "Engine Works", "region": "eu-central-1"}
    Client().post("/trial", {**form, "state": "confirmed", "reason": "x", "person": "x", "plan": "gcp"})
    row = SignUp.objects.get()
    assert (row.state, row.reason) == ("pending", "")


def standing_row(runtime: Runtime) -> dict[str, Any]:
    """Everything but what a label's form is for."""
    row: dict[str, Any] = Runtime.objects.filter(pk=runtime.pk).values().get()
    for changing in ("labels", "revision", "updated_at", "generation"):
        row.pop(changing, None)
    return row
