"""A runtime may move to another plan of its provider: what was chosen stays, what stands stays, what the plan fixed changes."""

from __future__ import annotations

from typing import Any

import pytest

from controlplane.catalog.models import Entitlement
from controlplane.kernel.errors import Refused
from controlplane.tenants.models import AuditEvent
from provisioner.lifecycle.update import update_runtime
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.signed_in import build
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def trial(world: World) -> Runtime:
    Entitlement.objects.create(tenant=world.archipel, plan="trial", runtimes=1, granted_by="test")
    return build(world, plan="trial", parameters={"region": "us-east-1", "administrators": ["ada"]})


def change(world: World, runtime: Runtime, **wish: Any) -> tuple[Runtime, Operation | None]:
    return update_runtime(actor=world.alice.actor, runtime_id=runtime.pk, **wish)


def test_a_trial_becomes_a_paid_runtime_with_one_update(world: World, trial: Runtime) -> None:
    before = trial.spec["parameters"]
    _, operation = change(world, trial, plan="aws")
    trial.refresh_from_db()
    after = trial.spec["parameters"]
    assert operation is not None
    assert (trial.plan_id, operation.kind, trial.generation) == ("aws", "update", 2)
    assert [after[key] for key in ("region", "administrators", "networking", "zones")] == [
        before[key] for key in ("region", "administrators", "networking", "zones")
    ]
    assert (before["autoScalerMax"], after["autoScalerMax"]) == (1, 20)
    written = AuditEvent.objects.get(action="runtime.update").changes
    assert written["plan"] == {"before": "trial", "after": "aws"}


def test_parameters_of_the_new_plan_come_in_the_same_change(world: World, trial: Runtime) -> None:
    change(world, trial, plan="aws", parameters={"autoScalerMin": 4})
    trial.refresh_from_db()
    assert trial.spec["parameters"]["autoScalerMin"] == 4


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"plan": "azure"}, "plan_change_unsupported"),
        ({"plan": "awss"}, "plan_unknown"),
        ({"plan": "aws", "parameters": {"region": "eu-west-1"}}, "immutable_field"),
        ({"plan": "aws", "parameters": {"nonsense": 1}}, "unknown_field"),
    ],
)
def test_what_does_not_fit_is_refused_and_nothing_is_written(
    world: World, trial: Runtime, wish: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        change(world, trial, **wish)
    assert refused.value.code == code
    assert Runtime.objects.filter(pk=trial.pk).values("plan_id", "generation", "spec").get() == {
        "plan_id": "trial",
        "generation": trial.generation,
        "spec": trial.spec,
    }


def test_nothing_that_was_chosen_is_lost_silently(world: World) -> None:
    row = build(world)
    with pytest.raises(Refused) as refused:
        change(world, row, plan="trial")
    assert refused.value.code == "plan_change_unsupported"
    assert "parameters.autoScalerMin" in refused.value.detail


def test_a_place_that_the_other_plan_does_not_offer_is_refused(world: World) -> None:
    row = build(world, parameters={"region": "eu-west-1"})
    with pytest.raises(Refused) as refused:
        change(world, row, plan="trial")
    assert refused.value.code == "region_not_in_plan"


def test_the_same_plan_again_changes_nothing(world: World, trial: Runtime) -> None:
    assert change(world, trial, plan="trial")[1] is None
