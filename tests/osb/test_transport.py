"""Rows 1 to 10: who asks, in which version, and how answers are written."""

from __future__ import annotations

import base64
import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from controlplane.kernel.clock import utcnow
from controlplane.osb.credentials import issue_credential, revoke_credential, rotate_credential
from controlplane.osb.models import BrokerCredential, OsbInstance
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from provisioner.runtimes.models import Runtime
from tests.osb.asking import INSTANCE, Platform, basic, error, read, stand
from tests.world import World

pytestmark = pytest.mark.django_db


def identity(platform: str, value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return f"{platform} {base64.b64encode(raw).decode()}"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Basic",
        "Basic !!!",
        "Basic bm9jb2xvbg==",
        "Bearer nesoi_osb_unknown",
        "Digest x",
        basic("wrong", "secret"),
        basic("", ""),
        "Basic " + base64.b64encode(b"\xff\xfe:x").decode(),
    ],
)
def test_row_01_a_failed_authentication_is_401_with_a_challenge(cf: Platform, header: str) -> None:
    response = cf.get("/catalog", Authorization=header)
    assert error(response) == (401, "Unauthorized")
    assert response["WWW-Authenticate"].startswith("Basic realm=")


def test_row_01_the_secret_of_another_user_is_401(cf: Platform, other: Platform) -> None:
    mixed = basic(cf.row.username, other.secret)
    assert error(cf.get("/catalog", Authorization=mixed)) == (401, "Unauthorized")


def test_row_01_a_bearer_token_is_as_good(cf: Platform) -> None:
    assert cf.get("/catalog", Authorization=f"Bearer {cf.secret}").status_code == 200


def test_row_01_after_a_rotation_both_secrets_are_good_until_the_old_one_ends(
    cf: Platform, world: World
) -> None:
    _, new = rotate_credential(
        actor=SYSTEM, tenant=world.archipel, credential_id=cf.row.pk, overlap=timedelta(hours=1)
    )
    fresh = basic(cf.row.username, new)
    assert [cf.get("/catalog", Authorization=one).status_code for one in (cf.basic, fresh)] == [200, 200]
    BrokerCredential.objects.update(previous_until=utcnow() - timedelta(seconds=1))
    assert [cf.get("/catalog", Authorization=one).status_code for one in (cf.basic, fresh)] == [401, 200]


def test_row_01_a_revoked_credential_is_401_and_use_is_noted(cf: Platform, world: World) -> None:
    assert cf.get("/catalog").status_code == 200
    assert BrokerCredential.objects.get(pk=cf.row.pk).last_used_at is not None
    revoke_credential(actor=SYSTEM, tenant=world.archipel, credential_id=cf.row.pk)
    assert error(cf.get("/catalog")) == (401, "Unauthorized")


def test_row_01_a_secret_is_kept_as_a_digest_only(world: World) -> None:
    row, secret = issue_credential(actor=SYSTEM, tenant=world.archipel, name="one")
    kept = repr(BrokerCredential.objects.filter(pk=row.pk).values().get())
    assert secret not in kept
    assert secret[20:] not in repr(list(AuditEvent.objects.values("changes")))


@pytest.mark.parametrize("version", ["1.0", "2.12", "3.0", "2", "two", "2.17.1"])
def test_row_02_an_unsupported_version_is_412(cf: Platform, version: str) -> None:
    cf.version = version
    assert error(cf.get("/catalog")) == (412, "ApiVersionUnsupported")


@pytest.mark.parametrize("version", ["2.13", "2.17", "2.18"])
def test_row_02_every_version_from_2_13_is_served(cf: Platform, version: str) -> None:
    cf.version = version
    assert cf.get("/catalog").status_code == 200


def test_row_02_a_missing_version_is_412_or_400_as_set(cf: Platform) -> None:
    cf.version = None
    assert error(cf.get("/catalog")) == (412, "ApiVersionMissing")
    with override_settings(OSB_MISSING_VERSION_STATUS=400):
        assert error(cf.get("/catalog")) == (400, "ApiVersionMissing")


def test_row_03_unknown_fields_are_ignored(cf: Platform) -> None:
    response = cf.provision(unheard_of={"a": 1}, maintenance_info=None)
    assert response.status_code == 202
    assert cf.update(shiny=True, query={"accepts_incomplete": "true", "later": "x"}).status_code != 400


def test_row_04_the_request_identity_comes_back_and_is_audited(cf: Platform) -> None:
    asked = "e26cee84-6b38-4456-b34e-d1a9f002c956"
    cf.headers = {"X-Broker-API-Request-Identity": asked}
    response = cf.provision()
    assert response["X-Broker-API-Request-Identity"] == asked
    assert cf.last("unknown")["X-Broker-API-Request-Identity"] == asked
    assert cf.get("/catalog", Authorization="")["X-Broker-API-Request-Identity"] == asked
    event = AuditEvent.objects.get(action="broker.provision")
    assert event.changes["request_identity"] == asked


def test_row_04_nothing_but_clean_text_comes_back(cf: Platform) -> None:
    response = cf.get("/catalog", X_Broker_API_Request_Identity="x" * 300)
    assert "X-Broker-API-Request-Identity" not in response


def test_row_05_the_originating_identity_is_audited_as_on_behalf_of(cf: Platform) -> None:
    who = identity("cloudfoundry", {"user_id": "683ea748-3092-4ff4-b656-39cacc4d5360"})
    cf.headers = {"X-Broker-API-Originating-Identity": who}
    assert cf.provision().status_code == 202
    for action in ("runtime.create", "account.create", "broker.provision"):
        event = AuditEvent.objects.filter(action=action).latest("id")
        assert event.on_behalf_of == "cloudfoundry:683ea748-3092-4ff4-b656-39cacc4d5360", action
        assert event.actor == f"broker:{cf.row.username}"


@pytest.mark.parametrize(
    "header",
    [
        "cloudfoundry",
        "cloudfoundry !!!",
        "cloud\tfoundry e30=",
        identity("cloudfoundry", b"[1]"),
        identity("cloudfoundry", b"{"),
        identity("cloudfoundry", {"user_id": "x" * 9000}),
    ],
)
def test_row_05_a_malformed_identity_is_400_and_changes_nothing(cf: Platform, header: str) -> None:
    cf.headers = {"X-Broker-API-Originating-Identity": header}
    assert error(cf.provision()) == (400, "OriginatingIdentityMalformed")
    assert not Runtime.objects.exists()


def test_row_05_its_platform_is_the_contexts(cf: Platform) -> None:
    cf.headers = {"X-Broker-API-Originating-Identity": identity("kubernetes", {"username": "ada"})}
    assert error(cf.provision()) == (400, "MalformedRequest")
    assert not Runtime.objects.exists()


def test_row_06_a_refusal_leaves_everything_as_it_was(cf: Platform) -> None:
    refusals = [
        cf.provision(plan_id="unknown"),
        cf.provision(parameters={"region": "nowhere"}),
        cf.provision(query={}),
        cf.provision(maintenance_info={"version": "0.0.1"}),
        cf.ask("PUT", f"/service_instances/{INSTANCE}", b"{", {"accepts_incomplete": "true"}),
    ]
    assert {response.status_code // 100 for response in refusals} == {4}
    assert not Runtime.objects.exists()
    assert not OsbInstance.objects.exists()
    assert not AuditEvent.objects.filter(action__in=["account.create", "runtime.create"]).exists()


def test_row_06_parameters_are_held_against_the_plans_schema(cf: Platform) -> None:
    for parameters in (
        {},
        {"region": "eu-central-1", "autoScalerMn": 3},
        {"region": "eu-central-1", "autoScalerMin": "3"},
        {"region": 7},
    ):
        assert cf.provision(parameters=parameters).status_code == 400
    assert not Runtime.objects.exists()


def test_row_07_error_and_description_are_never_empty(cf: Platform) -> None:
    for response in (cf.provision(plan_id=None), cf.provision(query={}), cf.last("unknown")):
        body = read(response)
        assert body["error"]
        assert body["description"]


def test_row_08_codes_are_spelled_as_the_specification_does(cf: Platform) -> None:
    assert error(cf.provision(query={})) == (422, "AsyncRequired")
    assert error(cf.provision(maintenance_info={"version": "0.0.1"})) == (422, "MaintenanceInfoConflict")
    assert cf.provision().status_code == 202
    assert error(cf.update(parameters={"autoScalerMax": 5})) == (422, "ConcurrencyError")


def test_row_09_usability_is_told_of_failed_changes_only(cf: Platform) -> None:
    from tests.osb.asking import finish, plan_id

    row = stand(cf)
    assert "instance_usable" not in read(cf.last())
    changed = read(cf.update(parameters={"autoScalerMax": 5}))["operation"]
    assert "instance_usable" not in read(cf.last())
    finish(changed, "failed", error_audience="sre")
    assert read(cf.last()) | {"description": ""} == {
        "state": "failed",
        "description": "",
        "instance_usable": True,
        "update_repeatable": True,
    }
    finish(read(cf.deprovision())["operation"], "failed", error_audience="sre")
    answer = read(cf.last())
    assert (answer["state"], answer["instance_usable"]) == ("failed", False)
    assert "update_repeatable" not in answer
    assert row.plan_id == plan_id()
    second = read(cf.provision("second"))["operation"]
    finish(second, "failed", error_audience="sre")
    assert set(read(cf.last("second"))) == {"state", "description"}


def test_row_10_answers_are_json_and_ids_are_decoded(cf: Platform) -> None:
    for written, meant in (("a%20b%C3%A9", "a bé"), ("a%2Fb", "a/b"), ("%7Ex", "~x")):
        response = cf.provision(written)
        assert response["Content-Type"] == "application/json"
        assert response.status_code == 202
        assert OsbInstance.objects.filter(instance_id=meant).exists()
        assert cf.last(written).status_code == 200


def test_row_10_an_id_that_is_too_long_is_400(cf: Platform) -> None:
    assert cf.provision("x" * 256).status_code == 400
    assert cf.provision("a%00b").status_code == 400


def test_what_is_denied_stands_in_the_trail(cf: Platform, world: World) -> None:
    from controlplane.tenants.models import Tenant

    Tenant.objects.filter(pk=world.archipel.pk).update(state="suspended")
    assert cf.provision().status_code == 403
    event = AuditEvent.objects.get(outcome="denied")
    assert (event.actor, event.tenant_id) == (f"broker:{cf.row.username}", world.archipel.pk)


def test_an_unknown_method_is_405(cf: Platform) -> None:
    response = cf.ask("POST", "/catalog", {})
    assert (response.status_code, response["Allow"]) == (405, "GET")
