"""The doors of the lifecycle: what they let through, and what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Account, AuditEvent, State, Tenant
from provisioner.landscapes.models import Landscape
from provisioner.lifecycle.admission import write
from provisioner.lifecycle.delete import delete_runtime
from provisioner.lifecycle.update import update_runtime
from provisioner.operations.models import Operation
from provisioner.operations.services import cancel_operation
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.phases import Kind
from provisioner.runtimes.spec import cluster_from_json
from tests.world import World, order

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> Landscape:
    return world.landscape


def refusal(world: World, **changes: Any) -> Refused:
    runtimes = Runtime.objects.count()
    with pytest.raises(Refused) as refused:
        order(world, **changes)
    assert Runtime.objects.count() == runtimes
    return refused.value


def test_a_wish_becomes_a_row_an_operation_and_an_audit_event(world: World) -> None:
    operation = order(world)
    runtime = operation.runtime
    assert (operation.kind, operation.state, operation.slot) == (Kind.PROVISION, "queued", "active")
    assert (runtime.name, runtime.phase, runtime.generation) == ("checkout", "pending", 1)
    assert AuditEvent.objects.get(action="runtime.create").target_id == str(runtime.id)


def test_the_cluster_that_will_be_built_is_fixed_at_the_wish(world: World) -> None:
    runtime = order(world).runtime
    cluster = cluster_from_json(runtime.cluster_spec)
    assert cluster.region == "eu-central-1"
    assert cluster.labels["nesoi.dev/runtime"] == str(runtime.id)
    assert len(cluster.name) + len("nesoi") <= 21


def test_a_pool_of_arm_machines_is_built_of_arm_machines(world: World) -> None:
    pool = {"name": "arm", "machineType": "m7g.large", "autoScalerMin": 3, "autoScalerMax": 3}
    wish = {"region": "eu-central-1", "additionalWorkerNodePools": [pool]}
    cluster = cluster_from_json(order(world, parameters=wish).runtime.cluster_spec)
    assert [pool.architecture for pool in cluster.pools] == [
        "amd64",
        "arm64",
        "amd64",
    ]  # the last is the platform's


def test_a_viewer_may_not_create(world: World) -> None:
    assert refusal(world, actor=world.vera.actor).code == "forbidden"


def test_another_tenants_admin_may_not_create_here(world: World) -> None:
    assert refusal(world, actor=world.bob.actor).code == "forbidden"


def test_another_tenants_account_is_unknown(world: World) -> None:
    assert refusal(world, account=str(world.main.id)).code == "account_unknown"


def test_an_account_is_found_by_its_id(world: World) -> None:
    assert order(world, account=str(world.shop.id)).runtime.account == world.shop


def test_a_name_is_taken_whatever_its_case_until_the_runtime_is_gone(world: World) -> None:
    order(world)
    assert refusal(world).code == "name_taken"
    assert order(world, account=world.lab.slug).runtime.name == "checkout"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"plan": "gold"}, "plan_unknown"),
        ({"parameters": {"region": "mars-1"}}, "region_not_in_plan"),
        (
            {"parameters": {"region": "eu-central-1", "autoScalerMin": 9, "autoScalerMax": 4}},
            "minimum_above_maximum",
        ),
        ({"parameters": {"region": "eu-central-1", "colour": "red"}}, "unknown_field"),
        ({"name": "Bad Name"}, "name_invalid"),
        ({"labels": {"-": "x"}}, "label_invalid"),
    ],
)
def test_a_faulty_wish_is_refused_with_its_own_code(world: World, changes: dict[str, Any], code: str) -> None:
    refused = refusal(world, **changes)
    assert code in {refused.code, *(error.code for error in refused.errors)}


def test_a_suspended_tenant_starts_nothing(world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(state=State.SUSPENDED)
    assert refusal(world).code == "tenant_suspended"


def test_a_suspended_account_starts_nothing(world: World) -> None:
    Account.objects.filter(pk=world.shop.pk).update(state=State.SUSPENDED)
    assert refusal(world).code == "account_suspended"


def test_the_quota_counts_what_is_there(world: World) -> None:
    Tenant.objects.filter(pk=world.archipel.pk).update(runtime_quota=1)
    order(world)
    assert refusal(world, name="second").code == "quota_exceeded"


def test_without_a_landscape_the_answer_is_try_later(world: World) -> None:
    Landscape.objects.update(accepting=False)
    assert refusal(world).status == 503


def test_an_update_raises_the_generation_and_keeps_the_rest(world: World) -> None:
    runtime = order(world).runtime
    changed, operation = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.id, parameters={"autoScalerMax": 9}
    )
    assert (changed.generation, changed.spec["parameters"]["autoScalerMax"]) == (2, 9)
    assert changed.cluster_spec["pools"][0]["maximum"] == 9
    assert changed.cluster_spec["name"] == runtime.cluster_spec["name"]
    assert operation is not None
    assert operation.slot == "next"


def test_access_wishes_reach_the_cluster_and_a_named_administrator_is_remembered(world: World) -> None:
    wish = {
        "region": "eu-central-1",
        "administrators": ["ada@example.org"],
        "ingressFiltering": True,
        "accessControlList": {"allowedCIDRs": ["192.0.2.0/24"]},
        "oidc": {"list": [{"issuerURL": "https://id.example.org", "clientID": "nesoi"}]},
    }
    runtime = order(world, parameters=wish).runtime
    built = cluster_from_json(runtime.cluster_spec)
    assert (built.administrators, built.had_administrators) == (("ada@example.org",), False)
    assert (built.ingress_filtering, built.allowed_cidrs) == (True, ("192.0.2.0/24",))
    assert [issuer["clientID"] for issuer in built.oidc] == ["nesoi"]
    later: list[dict[str, Any]] = [{"administrators": []}, {"autoScalerMax": 9}]
    for parameters in later:
        changed, _ = update_runtime(actor=world.alice.actor, runtime_id=runtime.id, parameters=parameters)
        wanted = cluster_from_json(changed.cluster_spec)
        assert (wanted.administrators, wanted.had_administrators) == ((), True)


def test_who_never_named_administrators_has_none_to_remove(world: World) -> None:
    runtime = order(world).runtime
    changed, _ = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.id, parameters={"autoScalerMax": 9}
    )
    assert not cluster_from_json(changed.cluster_spec).had_administrators


def test_the_same_wish_again_starts_nothing(world: World) -> None:
    runtime = order(world).runtime
    _, operation = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.id, parameters={"region": "eu-central-1"}
    )
    assert operation is None
    assert Operation.objects.count() == 1


def test_labels_change_without_an_operation(world: World) -> None:
    runtime = order(world).runtime
    changed, operation = update_runtime(
        actor=world.alice.actor, runtime_id=runtime.id, labels={"env": "prod"}
    )
    assert changed.labels == {"env": "prod"}
    assert operation is None
    assert AuditEvent.objects.filter(action="runtime.update").count() == 1


@pytest.mark.parametrize("known", [{"expected_generation": 7}, {"expected_revision": 7}])
def test_a_stale_wish_is_refused(world: World, known: dict[str, Any]) -> None:
    runtime = order(world).runtime
    with pytest.raises(Refused) as refused:
        update_runtime(
            actor=world.alice.actor, runtime_id=runtime.id, parameters={"autoScalerMax": 9}, **known
        )
    assert (refused.value.code, refused.value.status) == ("stale_revision", 412)


def test_a_row_that_moved_since_it_was_read_is_not_written(world: World) -> None:
    runtime = order(world).runtime
    Runtime.objects.filter(pk=runtime.pk).update(revision=2)
    runtime.labels = {"env": "prod"}
    with pytest.raises(Refused) as refused:
        write(runtime, "labels")
    assert refused.value.code == "stale_revision"
    assert Runtime.objects.get().labels == {}


def test_labels_that_somebody_changed_do_not_stop_a_change_of_what_is_built(world: World) -> None:
    runtime = order(world).runtime
    update_runtime(actor=world.alice.actor, runtime_id=runtime.id, labels={"env": "prod"})
    changed, _ = update_runtime(
        actor=world.alice.actor,
        runtime_id=runtime.id,
        parameters={"autoScalerMax": 9},
        expected_generation=1,
    )
    assert (changed.labels, changed.generation, changed.revision) == ({"env": "prod"}, 2, 3)


def test_a_region_can_not_be_changed(world: World) -> None:
    runtime = order(world).runtime
    with pytest.raises(Refused) as refused:
        update_runtime(actor=world.alice.actor, runtime_id=runtime.id, parameters={"region": "us-east-1"})
    assert "immutable_field" in {error.code for error in refused.value.errors}


@pytest.mark.parametrize("door", [update_runtime, delete_runtime])
def test_another_tenants_runtime_does_not_exist(world: World, door: Any) -> None:
    runtime = order(world).runtime
    with pytest.raises(Refused) as refused:
        door(actor=world.bob.actor, runtime_id=runtime.id)
    with pytest.raises(Refused) as unknown:
        door(actor=world.bob.actor, runtime_id=uuid7())
    assert refused.value.code == unknown.value.code == "runtime_not_found"


def test_a_second_delete_answers_with_the_first_ones_operation(world: World) -> None:
    runtime = order(world).runtime
    first = delete_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    second = delete_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    assert first.id == second.id
    assert Operation.objects.filter(kind=Kind.DEPROVISION).count() == 1


def test_a_runtime_being_deleted_takes_no_more_wishes(world: World) -> None:
    runtime = order(world).runtime
    delete_runtime(actor=world.alice.actor, runtime_id=runtime.id)
    with pytest.raises(Refused) as refused:
        update_runtime(actor=world.alice.actor, runtime_id=runtime.id, parameters={"autoScalerMax": 9})
    assert refused.value.code == "runtime_deprovisioning"


def test_a_wish_whose_update_was_cancelled_can_be_made_again(world: World) -> None:
    first = order(world)
    alice = world.alice.actor
    cancel_operation(actor=alice, operation_id=first.id)
    Runtime.objects.filter(pk=first.runtime_id).update(phase="ready", observed_generation=1)
    wish = {"autoScalerMax": 9}
    _, update = update_runtime(actor=alice, runtime_id=first.runtime_id, parameters=wish)
    assert update is not None
    cancel_operation(actor=alice, operation_id=update.id)
    _, again = update_runtime(actor=alice, runtime_id=first.runtime_id, parameters=wish)
    assert again is not None
    assert again.id != update.id
