"""The guard against fields that nobody offered: what a request adds to its body reaches no column."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from controlplane.tenants.models import Account, ApiToken, Tenant
from controlplane.trials.models import SignUp
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.api.test_every_endpoint import ROWS
from tests.matrix import things_of, undone, written
from tests.signed_in import browse, build
from tests.world import World

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


@pytest.mark.parametrize("endpoint", WRITES, ids="-".join)
def test_every_endpoint_refuses_fields_that_it_does_not_name(world: World, endpoint: tuple[str, str]) -> None:
    row, things = ROWS[endpoint], things_of(world)
    asking = Asking(world.sam if not row.roles else world.alice)
    for field, value in ADDED.items():
        before = written()
        with undone():
            answer = asking.ask(endpoint[1], row.path.format(**things), {**row.body, field: value}, {})
        if answer.status_code == 403:  # whom it is not for
            return
        assert problem(answer) == (422, "unknown_field"), (field, answer.content)
        assert read(answer)["errors"][0]["field"] == field
        assert written() == before


@pytest.mark.parametrize("inside", ["parameters", "labels"])
def test_nor_does_a_runtime_take_them_further_inside(alice: Asking, inside: str) -> None:
    wish = {**WISH, inside: {**WISH[inside], "tenant_id": {"x": 1}, "cluster_spec": {}}}
    assert alice.post("/runtimes", wish).status_code == 422
    assert not Runtime.objects.exists()


def test_forms_of_the_console_take_their_own_fields_only(world: World) -> None:
    more = {key: str(value) for key, value in ADDED.items()}
    runtime = build(world)
    alice = browse(world.alice)
    before = columns(runtime)
    basalt = str(world.basalt.id)
    foreign = {**more, "tenant": "basalt", "tenant_id": basalt, "cluster_name": "x", "phase": "failed"}
    alice.post(f"/runtimes/{runtime.id}/labels", {**foreign, "labels": "a=b"})
    assert columns(runtime) == before
    alice.post("/accounts/", {**foreign, "slug": "labor", "name": "Labor"})
    account = Account.objects.get(slug="labor")
    assert (str(account.id) == more["id"], account.tenant) == (False, world.archipel)
    token = {"name": "ci", "role": "viewer", "scopes": "read", "expires_in_days": "30"}
    alice.post("/tokens/", {**foreign, **token})
    row = ApiToken.objects.get(name="ci")
    assert (row.tenant, row.role, row.platform_role) == (world.archipel, "viewer", "")
    assert Tenant.objects.get(slug="archipel").runtime_quota == world.archipel.runtime_quota


def test_a_strangers_form_too() -> None:
    form = {"email": "ada@engine.example", "company": "Engine Works", "region": "eu-central-1"}
    Client().post("/trial", {**form, "state": "confirmed", "reason": "x", "person": "x", "plan": "gcp"})
    row = SignUp.objects.get()
    assert (row.state, row.reason) == ("pending", "")


def columns(runtime: Runtime) -> dict[str, Any]:
    """Everything but what a label's form is for."""
    row: dict[str, Any] = Runtime.objects.filter(pk=runtime.pk).values().get()
    for changing in ("labels", "revision", "updated_at", "generation"):
        row.pop(changing, None)
    return row
