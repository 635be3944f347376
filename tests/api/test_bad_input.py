"""What people get wrong most: each is refused under its own code, in a sentence that names the field and says what to do."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import pytest
from django.http import HttpResponse

from controlplane.catalog.models import Entitlement
from controlplane.tenants.models import ApiToken, State, Tenant
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db
# Makes what has to stand before, and returns what sends the wrong request.
Preparing = Callable[[Asking, World], Callable[[], HttpResponse]]


def wishing(**changes: Any) -> Preparing:
    return lambda alice, world: partial(alice.post, "/runtimes", {**WISH, **changes})


def choosing(**parameters: Any) -> Preparing:
    return wishing(parameters={"region": "eu-central-1", **parameters})


def sending(raw: bytes, kind: str = "application/json") -> Preparing:
    return lambda alice, world: partial(alice.post, "/runtimes", raw, Content_Type=kind)


def a_taken_name(alice: Asking, world: World) -> Callable[[], HttpResponse]:
    alice.order()
    return partial(alice.post, "/runtimes", WISH)


def over_quota(alice: Asking, world: World) -> Callable[[], HttpResponse]:
    Entitlement.objects.create(tenant=world.archipel, plan="aws", vcpu=1, granted_by="test")
    return partial(alice.post, "/runtimes", WISH)


def a_suspended_tenant(alice: Asking, world: World) -> Callable[[], HttpResponse]:
    Tenant.objects.filter(pk=world.archipel.pk).update(state=State.SUSPENDED)
    return partial(alice.post, "/runtimes", WISH)


def an_expired_token(alice: Asking, world: World) -> Callable[[], HttpResponse]:
    ApiToken.objects.update(expires_at=datetime(2020, 1, 1, tzinfo=UTC))
    return partial(alice.post, "/runtimes", WISH)


def a_stale_tag(alice: Asking, world: World) -> Callable[[], HttpResponse]:
    path = f"/runtimes/{alice.order()['runtime']['id']}"
    alice.patch(path, {"labels": {"team": "search"}})
    return partial(alice.patch, path, {"parameters": {"autoScalerMax": 6}}, If_Match='"r1"')


def a_used_key(alice: Asking, world: World) -> Callable[[], HttpResponse]:
    alice.post("/runtimes", WISH, Idempotency_Key="one")
    return partial(alice.post, "/runtimes", {**WISH, "name": "another"}, Idempotency_Key="one")


class Wrong(NamedTuple):
    """What is sent; the status and code that come back, the field that is named, and words of the remedy."""

    preparing: Preparing
    status: int
    code: str
    field: str
    remedy: str


GPU = [{"name": "gpu", "machineType": "g6.xlarge"}]
NETS = {"nodes": "10.250.0.0/16", "pods": "10.250.0.0/17"}
CROSSED = {"autoScalerMin": 9, "autoScalerMax": 5}
POOL = "parameters.additionalWorkerNodePools.0.machineType"
PODS, LEAST, MEAN = "parameters.networking.pods", "parameters.autoScalerMin", "Did you mean "
NAMED = (
    Wrong(wishing(plan="awss"), 422, "plan_unknown", "plan", "Choose one of"),
    Wrong(choosing(region="mars-1"), 422, "region_not_in_plan", "parameters.region", "Choose one of"),
    Wrong(choosing(additionalWorkerNodePools=GPU), 422, "machine_type_without_zones", POOL, "another region"),
    Wrong(choosing(**CROSSED), 422, "minimum_above_maximum", LEAST, "lower the minimum"),
    Wrong(a_taken_name, 409, "name_taken", "name", "choose another name"),
    Wrong(wishing(name="n" * 41), 422, "name_too_long", "name", "shorten it"),
    Wrong(choosing(networking=NETS), 422, "networks_overlap", PODS, "choose ranges apart"),
    Wrong(over_quota, 403, "quota_exceeded", "account", "ask for a higher quota"),
    Wrong(wishing(parametres={}), 422, "unknown_field", "parametres", f"{MEAN}parameters?"),
    Wrong(choosing(regoin="x"), 422, "unknown_field", "parameters.regoin", f"{MEAN}region?"),
    Wrong(a_stale_tag, 412, "stale_revision", "If-Match", "read it again"),
    Wrong(a_used_key, 422, "idempotency_key_reused", "Idempotency-Key", "choose a new key"),
)
# Here it is the request as a whole: the sentence alone says what of it.
WHOLE = (
    Wrong(a_suspended_tenant, 403, "tenant_suspended", "tenant", "Contact support"),
    Wrong(an_expired_token, 401, "token_expired", "token", "ask an admin of your tenant for a new one"),
    Wrong(wishing(name="x" * 5_000_000), 413, "body_too_large", "body", "send at most"),
    Wrong(sending(b"name=x", "text/plain"), 415, "unsupported_media_type", "body", "Content-Type: app"),
    Wrong(sending(b"{"), 400, "invalid_json", "line 1, column 2", "mend it there"),
    Wrong(sending(b" "), 400, "invalid_json", "body", "send a JSON object"),
    Wrong(sending(b"\xff"), 400, "invalid_json", "body", "in UTF-8"),
    Wrong(sending(b"\xef\xbb\xbf{}"), 400, "invalid_json", "body", "leave out those three bytes"),
    Wrong(wishing(name=float("nan")), 400, "invalid_json", "NaN", "use a number or null"),
    Wrong(sending(b"[]"), 400, "not_an_object", "body", "send one"),
)


@pytest.mark.parametrize("wrong", NAMED + WHOLE, ids=lambda wrong: f"{wrong.code}-{wrong.field}")
def test_it_is_named_with_its_remedy_and_nothing_is_written(
    alice: Asking, world: World, wrong: Wrong
) -> None:
    send = wrong.preparing(alice, world)
    before = written()
    response = send()
    answer = read(response)
    assert problem(response) == (wrong.status, wrong.code)
    assert wrong.remedy in answer["detail"]
    if wrong in NAMED:
        assert wrong.field in [error["field"] for error in answer["errors"]]
    else:
        assert wrong.field in answer["detail"]
    assert written() == before


def written() -> list[list[tuple[object, ...]]]:
    """Every runtime as it is now, and every operation."""
    runtimes = Runtime.objects.order_by("pk").values_list("pk", "name", "revision", "generation")
    return [list(runtimes), list(Operation.objects.order_by("pk").values_list("pk", "kind", "state"))]
