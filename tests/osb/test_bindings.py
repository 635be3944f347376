"""Rows 40 to 46: access to an instance, for a while."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import override_settings

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused, Retry
from controlplane.osb.models import OsbBinding
from controlplane.osb.unbinding import revoke_due
from controlplane.tenants.models import AuditEvent
from provisioner.drivers.base import Kubeconfig, Role
from tests.osb.asking import BINDING, INSTANCE, Platform, binding_path, error, read, stand
from tests.osb.conftest import Cluster

pytestmark = pytest.mark.django_db
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\dZ")


@pytest.fixture(autouse=True)
def instance(cf: Platform, cluster: Cluster) -> None:
    stand(cf)


def moment(text: str) -> datetime:
    assert MOMENT.fullmatch(text)
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)


def test_row_40_a_binding_is_201_with_credentials_and_again_200(cf: Platform, cluster: Cluster) -> None:
    first, again = cf.bind(), cf.bind()
    assert (first.status_code, again.status_code) == (201, 200)
    assert "kubeconfig" in read(first)["credentials"]
    assert "kubeconfig" in read(again)["credentials"]
    assert list(cluster.granted.values()) == [Role.EDIT]
    assert OsbBinding.objects.count() == 1


def test_row_40_role_and_lifetime_are_the_platforms_choice(cf: Platform, cluster: Cluster) -> None:
    response = cf.bind(parameters={"role": "view", "ttl_seconds": 1800})
    assert response.status_code == 201
    assert list(cluster.granted.values()) == [Role.VIEW]
    assert timedelta(seconds=1790) < cluster.asked <= timedelta(seconds=1800)


@pytest.mark.parametrize("field", ["service_id", "plan_id"])
@pytest.mark.parametrize("value", [None, "", 7, "unknown"])
def test_row_41_missing_or_malformed_ids_are_400(cf: Platform, field: str, value: Any) -> None:
    assert error(cf.bind(**{field: value})) == (400, "MalformedRequest")
    assert not OsbBinding.objects.exists()


@pytest.mark.parametrize(
    "parameters", [{"role": "king"}, {"ttl_seconds": 1}, {"ttl_seconds": 10**6}, {"x": 1}, []]
)
def test_row_41_parameters_are_held_against_the_schema(cf: Platform, parameters: Any) -> None:
    assert cf.bind(parameters=parameters).status_code == 400
    assert not OsbBinding.objects.exists()


def test_a_plan_may_bound_the_lifetime_further(cf: Platform) -> None:
    with override_settings(KUBECONFIG_SECONDS_OF_PLAN={"aws": 1200}):
        assert cf.bind(parameters={"ttl_seconds": 1800}).status_code == 400
        assert cf.bind().status_code == 201
    assert OsbBinding.objects.get().ttl_seconds == 1200


def test_row_41_another_binding_under_the_same_id_is_409(cf: Platform) -> None:
    cf.bind()
    assert error(cf.bind(parameters={"role": "view"})) == (409, "Conflict")


def test_row_42_while_the_instance_changes_it_is_422(cf: Platform) -> None:
    cf.update(parameters={"autoScalerMax": 5})
    assert error(cf.bind()) == (422, "ConcurrencyError")
    cf.provision("second")
    assert error(cf.bind(instance="second")) == (422, "ConcurrencyError")
    assert not OsbBinding.objects.exists()


def test_row_42_an_instance_has_so_many_bindings_and_no_more(cf: Platform) -> None:
    with override_settings(OSB_MOST_BINDINGS=2):
        assert [cf.bind(f"b{number}").status_code for number in range(3)] == [201, 201, 422]
        assert error(cf.bind("b2")) == (422, "BindingLimitReached")
        cf.unbind("b0")
        assert cf.bind("b2").status_code == 201


def test_row_42_a_binding_to_nothing_is_404(cf: Platform, other: Platform) -> None:
    assert error(cf.bind(instance="unknown")) == (404, "NotFound")
    assert error(other.bind()) == (404, "NotFound")


def test_row_43_a_fetched_binding_has_credentials_of_the_same_account(cf: Platform, cluster: Cluster) -> None:
    first = read(cf.bind())
    fetched = read(cf.fetch_binding())
    assert fetched["credentials"]["kubeconfig"] != first["credentials"]["kubeconfig"]
    assert fetched["metadata"] == first["metadata"]
    assert len(cluster.granted) == 1


def test_row_43_what_is_not_in_force_is_404(cf: Platform) -> None:
    assert error(cf.fetch_binding()) == (404, "NotFound")
    cf.bind()
    OsbBinding.objects.update(state="granting")
    assert error(cf.fetch_binding()) == (404, "NotFound")
    OsbBinding.objects.update(state="bound", expires_at=utcnow())
    assert error(cf.fetch_binding()) == (404, "NotFound")


def test_row_43_credentials_are_never_kept(cf: Platform, cluster: Cluster) -> None:
    kubeconfig = read(cf.bind())["credentials"]["kubeconfig"]
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names():
            cursor.execute(f'SELECT count(*) FROM "{table}" AS t WHERE t::text LIKE %s', ["%kind: Config%"])
            assert cursor.fetchone()[0] == 0, table
    assert kubeconfig not in json.dumps(list(AuditEvent.objects.values("changes")))


def test_row_44_a_rotation_takes_everything_from_its_predecessor_and_both_are_good(
    cf: Platform, cluster: Cluster
) -> None:
    cf.bind(parameters={"role": "view", "ttl_seconds": 1800})
    rotated = cf.ask("PUT", binding_path("next"), {"predecessor_binding_id": BINDING})
    assert rotated.status_code == 201
    assert list(cluster.granted.values()) == [Role.VIEW, Role.VIEW]
    assert (cf.fetch_binding().status_code, cf.fetch_binding("next").status_code) == (200, 200)
    again = cf.ask("PUT", binding_path("next"), {"predecessor_binding_id": BINDING})
    assert again.status_code == 200
    cf.unbind()
    assert cf.fetch_binding("next").status_code == 200


def test_row_44_a_predecessor_is_of_this_instance_and_not_expired(cf: Platform) -> None:
    body = {"predecessor_binding_id": BINDING}
    assert cf.ask("PUT", binding_path("next"), body).status_code == 400
    cf.bind()
    stand(cf, "second")
    assert cf.ask("PUT", binding_path("next", "second"), body).status_code == 400
    OsbBinding.objects.update(expires_at=utcnow())
    assert cf.ask("PUT", binding_path("next"), body).status_code == 400


def test_row_45_it_is_renewed_before_it_expires(cf: Platform) -> None:
    metadata = read(cf.bind())["metadata"]
    assert utcnow() < moment(metadata["renew_before"]) <= moment(metadata["expires_at"])
    assert moment(metadata["expires_at"]) <= utcnow() + timedelta(hours=1)
    cf.version = "2.16"
    assert set(read(cf.bind())["metadata"]) == {"expires_at"}
    cf.version = "2.15"
    assert "metadata" not in read(cf.bind())


def test_row_45_it_is_never_longer_than_the_cluster_granted(
    cf: Platform, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    short = utcnow() + timedelta(minutes=15)
    monkeypatch.setattr(cluster, "grant", lambda *_, **__: Kubeconfig("x", short))
    assert moment(read(cf.bind())["metadata"]["expires_at"]) <= short


def test_row_46_unbinding_is_200_and_then_410(cf: Platform, cluster: Cluster) -> None:
    cf.bind()
    first = cf.unbind()
    assert (first.status_code, read(first)) == (200, {})
    assert not cluster.granted
    again = cf.unbind()
    assert (again.status_code, read(again)) == (410, {})
    assert cf.unbind(instance="unknown").status_code == 410
    assert error(cf.fetch_binding()) == (404, "NotFound")
    assert cf.bind().status_code == 201


@pytest.mark.parametrize("field", ["service_id", "plan_id"])
def test_row_46_missing_ids_are_400(cf: Platform, field: str) -> None:
    cf.bind()
    assert error(cf.unbind(**{field: ""})) == (400, "MalformedRequest")


def test_row_46_unbinding_while_it_is_bound_halts_the_bind(
    cf: Platform, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    grant = cluster.grant

    def interrupted(*args: Any, **kwargs: Any) -> Kubeconfig:
        monkeypatch.setattr(cluster, "grant", grant)
        assert cf.unbind().status_code == 200
        return grant(*args, **kwargs)

    monkeypatch.setattr(cluster, "grant", interrupted)
    assert error(cf.bind()) == (422, "ConcurrencyError")
    assert cluster.granted  # what landed behind the delete's back
    revoke_due()
    assert not cluster.granted
    assert OsbBinding.objects.get().state == "gone"


def test_an_expired_binding_is_revoked_by_the_clock(cf: Platform, cluster: Cluster) -> None:
    cf.bind()
    cf.bind("long", parameters={"ttl_seconds": 86400})
    assert revoke_due() == 0
    OsbBinding.objects.filter(binding_id=BINDING).update(due_at=utcnow())
    assert revoke_due() == 1
    assert len(cluster.granted) == 1
    assert dict(OsbBinding.objects.values_list("binding_id", "state")) == {BINDING: "gone", "long": "bound"}
    assert revoke_due() == 0


def test_a_cluster_that_does_not_answer_is_asked_again_later(cf: Platform, cluster: Cluster) -> None:
    cf.bind()
    cluster.fault = Retry("No answer.")
    refused = cf.unbind()
    assert error(refused) == (503, "LandscapeUnavailable")
    assert int(refused["Retry-After"]) > 0
    assert revoke_due() == 0
    cluster.fault = None
    assert revoke_due(now=utcnow() + timedelta(minutes=3)) == 1
    assert not cluster.granted
    assert cf.unbind().status_code == 410


def test_a_bind_that_failed_is_ended_by_a_delete(cf: Platform, cluster: Cluster) -> None:
    cluster.fault = Retry("No answer.")
    assert cf.bind().status_code == 503
    cluster.fault = None
    assert cf.fetch_binding().status_code == 404
    assert cf.unbind().status_code == 200
    assert cf.unbind().status_code == 410


def test_a_bind_that_failed_may_be_sent_again(cf: Platform, cluster: Cluster) -> None:
    cluster.fault = Retry("No answer.")
    assert cf.bind().status_code == 503
    cluster.fault = None
    assert cf.bind().status_code == 201


def test_a_bind_that_failed_is_ended_by_the_clock(cf: Platform, cluster: Cluster) -> None:
    cluster.fault = Retry("No answer.")
    assert cf.bind().status_code == 503
    cluster.fault = None
    cluster.granted["osb-half-made"] = Role.EDIT
    OsbBinding.objects.update(service_account="osb-half-made")
    assert revoke_due() == 1
    assert not cluster.granted
    assert cf.bind().status_code == 201


def test_a_bind_that_died_may_be_sent_again_once_its_time_is_over(cf: Platform, cluster: Cluster) -> None:
    cf.bind()
    OsbBinding.objects.update(state="granting", due_at=utcnow() + timedelta(minutes=2))
    assert error(cf.bind()) == (422, "ConcurrencyError")
    OsbBinding.objects.update(due_at=utcnow())
    assert cf.bind().status_code == 201
    assert len(cluster.granted) == 1


def test_a_bind_that_the_landscape_refused_leaves_nothing(cf: Platform, cluster: Cluster) -> None:
    cluster.fault = Refused("landscape_busy", "Too many calls; try again.", status=429)
    assert cf.bind().status_code == 429
    assert not OsbBinding.objects.exists()


def test_equal_binds_at_once_leave_no_account_that_nobody_knows(
    cf: Platform, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second comes while the landscape works for the first, and is refused there for too many calls."""
    grant, answers = cluster.grant, []

    def slow(*args: Any, **kwargs: Any) -> Kubeconfig:
        monkeypatch.setattr(cluster, "grant", refused)
        answers.append(cf.bind())
        return grant(*args, **kwargs)

    def refused(*_: Any, **__: Any) -> Kubeconfig:
        raise Refused("landscape_busy", "Too many calls; try again.", status=429)

    monkeypatch.setattr(cluster, "grant", slow)
    first = cf.bind()
    assert (first.status_code, [error(answer)[0] for answer in answers]) == (201, [422])
    known = OsbBinding.objects.exclude(state="gone").values_list("service_account", flat=True)
    assert set(cluster.granted) == set(known)


def test_who_took_a_failed_bind_over_is_not_deleted_by_whom_it_failed(
    cf: Platform, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first hangs beyond its time and is refused at last, while the second grants."""
    grant, answers = cluster.grant, []

    def hangs(*_: Any, **__: Any) -> Kubeconfig:
        OsbBinding.objects.update(due_at=utcnow())
        monkeypatch.setattr(cluster, "grant", meanwhile)
        answers.append(cf.bind())
        raise Refused("landscape_busy", "Too many calls; try again.", status=429)

    def meanwhile(*args: Any, **kwargs: Any) -> Kubeconfig:
        return grant(*args, **kwargs)

    monkeypatch.setattr(cluster, "grant", hangs)
    assert cf.bind().status_code == 429
    assert answers[0].status_code == 201
    assert OsbBinding.objects.get().state == "bound"


def test_the_last_operation_of_a_binding_is_told_to_who_asks(cf: Platform) -> None:
    path = f"{binding_path()}/last_operation"
    assert cf.get(path).status_code == 404
    cf.bind()
    assert read(cf.get(path)) == {"state": "succeeded"}
    cf.unbind()
    assert cf.get(path).status_code == 410
    assert cf.get(f"/service_instances/{INSTANCE}/last_operation").status_code == 200
