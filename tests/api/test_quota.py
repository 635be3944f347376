"""What is used and granted can be read; who needs more asks, and a platform admin answers."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.catalog.models import Entitlement, QuotaRequest
from controlplane.notices.models import Notice
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.models import AuditEvent, Tenant
from controlplane.tenants.services import issue_token
from tests.api.asking import WISH as ORDER
from tests.api.asking import Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db
WISH: dict[str, Any] = {"runtimes": 700, "reason": "The peak season begins.", "reply_to": "alice@example.org"}


@pytest.fixture
def paula() -> Asking:
    _, token = issue_token(actor=SYSTEM, name="paula", platform_role=PlatformRole.ADMIN)
    return Asking(token=token)


def line(asking: Asking, plan: str | None = None, query: str = "") -> dict[str, Any]:
    found: dict[str, Any] = next(
        entry for entry in read(asking.get(f"/quota{query}"))["quota"] if entry["plan"] == plan
    )
    return found


def test_used_and_granted_stand_side_by_side(alice: Asking, vera: Asking, world: World) -> None:
    alice.order(parameters={"region": "eu-central-1", "machineType": "m6i.large", "autoScalerMax": 5})
    Entitlement.objects.create(tenant=world.archipel, plan="aws", vcpu=12, granted_by="test")
    assert line(vera)["runtimes"] == {"used": 1, "granted": 500}
    assert line(vera, "aws")["vcpu"] == {"used": 10, "granted": 12}
    assert line(vera, "aws")["memory_gib"] == {"used": 40, "granted": None}


def test_another_tenants_quota_is_not_there(bob: Asking, alice: Asking) -> None:
    alice.order()
    assert problem(bob.get("/quota?tenant=archipel")) == (404, "tenant_not_found")
    assert line(bob)["runtimes"]["used"] == 0


def test_the_platforms_team_names_the_tenant(sam: Asking) -> None:
    assert problem(sam.get("/quota")) == (400, "tenant_required")
    assert line(sam, query="?tenant=archipel")["runtimes"]["granted"] == 500


def test_an_approved_request_is_granted_and_told(alice: Asking, paula: Asking, world: World) -> None:
    asked = read(alice.post("/quota-requests", WISH))
    answer = paula.post(f"/quota-requests/{asked['id']}/approve", {"reason": "Good luck."})
    assert (read(answer)["state"], read(answer)["answer"]) == ("approved", "Good luck.")
    assert line(alice)["runtimes"]["granted"] == 700
    notice = Notice.objects.get(kind="quota-answered")
    assert (notice.to, notice.tenant_id) == ("alice@example.org", world.archipel.id)
    actions = set(AuditEvent.objects.values_list("action", flat=True))
    assert {"quota.request", "quota.grant", "quota.request.approved"} <= actions
    assert problem(paula.post(f"/quota-requests/{asked['id']}/decline")) == (409, "quota_request_closed")


def test_what_was_not_asked_for_stays_as_it_was(alice: Asking, paula: Asking) -> None:
    Entitlement.objects.all().delete()
    more = {"plan": "aws", "regions": ["eu-west-1"], "reason": "Nearer."}
    assert problem(alice.post("/quota-requests", more)) == (422, "quota_not_more")
    asked = read(alice.post("/quota-requests", WISH))
    paula.post(f"/quota-requests/{asked['id']}/approve")
    assert line(alice)["vcpu"]["granted"] is None
    Entitlement.objects.update(vcpu=10)
    asked = read(alice.post("/quota-requests", {"vcpu": 20, "reason": "More."}))
    paula.post(f"/quota-requests/{asked['id']}/approve")
    assert (line(alice)["runtimes"]["granted"], line(alice)["vcpu"]["granted"]) == (700, 20)


def test_a_declined_request_changes_nothing(alice: Asking, paula: Asking) -> None:
    asked = read(alice.post("/quota-requests", WISH))
    paula.post(f"/quota-requests/{asked['id']}/decline", {"reason": "Not now."})
    assert line(alice)["runtimes"]["granted"] == 500
    assert Notice.objects.filter(kind="quota-answered").count() == 1


def test_one_request_per_plan_waits_at_a_time_and_can_be_taken_back(alice: Asking) -> None:
    asked = read(alice.post("/quota-requests", WISH))
    assert problem(alice.post("/quota-requests", WISH)) == (409, "quota_request_open")
    assert read(alice.post(f"/quota-requests/{asked['id']}/withdraw"))["state"] == "withdrawn"
    assert alice.post("/quota-requests", WISH).status_code == 201


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({}, "nothing_asked"),
        ({"runtimes": 500}, "quota_not_more"),
        ({"runtimes": 0}, "too_small"),
        ({"vcpu": 10}, "quota_not_more"),
        ({"plan": "gold", "runtimes": 5}, "plan_unknown"),
        ({"reply_to": "nobody", "runtimes": 700}, "email_invalid"),
        ({"runtimes": 700, "reason": " "}, "reason_missing"),
    ],
)
def test_a_faulty_request_says_what_is_wrong(alice: Asking, wish: dict[str, Any], code: str) -> None:
    status, found = problem(alice.post("/quota-requests", {"reason": "For the test.", **wish}))
    assert status == 422
    if code != "too_small":
        assert found == code
    assert not QuotaRequest.objects.exists()


def test_the_queue_shows_who_waits(alice: Asking, bob: Asking, paula: Asking) -> None:
    alice.post("/quota-requests", WISH)
    bob.post("/quota-requests", WISH)
    assert [row["tenant"] for row in read(paula.get("/quota-requests?state=open"))["results"]] == [
        "basalt",
        "archipel",
    ]
    assert [row["tenant"] for row in read(bob.get("/quota-requests"))["results"]] == ["basalt"]


def test_an_exceeded_quota_is_a_clear_answer(alice: Asking, world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(runtime_quota=1)
    alice.order()
    refused = alice.post(
        "/runtimes", {"account": "shop", "name": "b", "plan": "aws", "parameters": {"region": "eu-central-1"}}
    )
    assert problem(refused) == (403, "quota_exceeded")


def test_a_platform_admin_grants_and_lowers_without_being_asked(
    alice: Asking, paula: Asking, world: World
) -> None:
    alice.order(parameters={"region": "eu-central-1", "machineType": "m6i.large", "autoScalerMax": 5})
    wish = {"plan": "aws", "vcpu": 4, "regions": ["eu-central-1"], "reason": "They pay for four."}
    lines = read(paula.post("/tenants/archipel/quota", wish))["quota"]
    granted = next(entry for entry in lines if entry["plan"] == "aws")
    assert (granted["vcpu"], granted["regions"]) == ({"used": 10, "granted": 4}, ["eu-central-1"])
    assert line(alice, "aws") == granted
    more = alice.post("/runtimes", {**ORDER, "name": "second"})
    assert problem(more) == (403, "quota_exceeded")
    event = AuditEvent.objects.get(action="quota.grant")
    assert event.changes["vcpu"] == {"before": None, "after": 4}
    assert event.changes["reason"] == "They pay for four."
    assert event.tenant_id == world.archipel.id


def test_what_is_left_out_stays_and_null_lifts_a_bound(alice: Asking, paula: Asking) -> None:
    said = {"reason": "Agreed."}
    read(paula.post("/tenants/archipel/quota", {"vcpu": 40, "runtimes": 3, **said}))
    read(paula.post("/tenants/archipel/quota", {"vcpu": None, **said}))
    assert (line(alice)["vcpu"]["granted"], line(alice)["runtimes"]["granted"]) == (None, 3)


@pytest.mark.parametrize(
    ("wish", "status", "code"),
    [
        ({"runtimes": 3, "reason": " "}, 422, "reason_missing"),
        ({"reason": "x"}, 422, "nothing_granted"),
        ({"plan": "gold", "runtimes": 3, "reason": "x"}, 422, "plan_unknown"),
        ({"regions": ["mars"], "reason": "x"}, 422, "region_unknown"),
    ],
)
def test_a_faulty_grant_changes_nothing(paula: Asking, wish: dict[str, Any], status: int, code: str) -> None:
    assert problem(paula.post("/tenants/archipel/quota", wish)) == (status, code)
    assert not Entitlement.objects.exists()


def test_nobody_else_grants(alice: Asking, bob: Asking, sam: Asking) -> None:
    wish = {"runtimes": 900, "reason": "x"}
    assert problem(alice.post("/tenants/archipel/quota", wish)) == (403, "forbidden")
    assert problem(sam.post("/tenants/archipel/quota", wish)) == (403, "forbidden")
    assert problem(bob.post("/tenants/archipel/quota", wish)) == (404, "tenant_not_found")
    assert not Entitlement.objects.exists()
