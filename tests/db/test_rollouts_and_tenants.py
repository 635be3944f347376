"""What rollouts say of a runtime is its tenant's to see and nobody else's; everything else of them no tenant reads or writes."""

from __future__ import annotations

import pytest
from django.db import ProgrammingError, transaction
from django.db.models import Sum

from controlplane.kernel.clock import utcnow
from controlplane.tenants.isolation.scopes import platform_scope, tenant_scope
from provisioner.rollouts import services, why_not
from provisioner.rollouts.models import EmergencyStop, Gate, Lane, Rollout, Stage, Tally, Target, Waiver
from provisioner.rollouts.scheduling import Owner
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, fleet, no_gates
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def theirs(world: World) -> tuple[Runtime, Runtime]:
    """A runtime of Archipel and one of Basalt, in one rollout that has begun; both wait, and Basalt's is waived."""
    own, other = fleet(world.shop, [world.landscape], 1)[0], fleet(world.main, [world.landscape], 1)[0]
    drafted = services.create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )
    services.start_rollout(actor=world.sam.actor, rollout_id=drafted.id)
    Target.objects.update(state="ready", reason_code="turn")
    Waiver.objects.create(runtime=other, owner="ada", reason="theirs", expires_at=utcnow(), created_by="sam")
    return own, other


def test_a_tenant_finds_its_own_targets_and_no_other(world: World, theirs: tuple[Runtime, Runtime]) -> None:
    with tenant_scope(world.archipel.id):
        assert [row.runtime_id for row in Target.objects.all()] == [theirs[0].id]
    with platform_scope():
        assert Target.objects.count() == 2
        assert Waiver.objects.count() == 1


def test_a_tenant_is_told_why_not_of_its_own_runtime(world: World, theirs: tuple[Runtime, Runtime]) -> None:
    with tenant_scope(world.archipel.id):
        (chain,) = why_not.why_not(actor=world.alice.actor, runtime_id=theirs[0].id)
        assert (chain.rollout, chain.release) == (f"Release {NEW}", NEW)
        assert chain.links[0].reason == "comes in its turn"
    with platform_scope():
        (chain,) = why_not.why_not(actor=world.sam.actor, runtime_id=theirs[1].id)
        assert chain.rollout == "October"


@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("running", "is under way"),
        ("failed", "did not succeed: its operation says why"),
        ("skipped", "was left out"),
        ("left_behind", "ended without it"),
    ],
)
def test_a_tenant_whose_turn_has_come_is_not_told_that_it_comes(
    world: World, theirs: tuple[Runtime, Runtime], state: str, told: str
) -> None:
    Target.objects.filter(runtime=theirs[0].id).update(
        state=state, reason_code="internal", reason="our own business"
    )
    with tenant_scope(world.archipel.id):
        (chain,) = why_not.why_not(actor=world.alice.actor, runtime_id=theirs[0].id)
        assert [(link.code, link.reason) for link in chain.links] == [(state, told)]


@pytest.mark.parametrize("model", [Stage, Gate, Lane, Tally, EmergencyStop, Waiver])
def test_a_tenant_reads_nothing_of_the_campaign(
    world: World, theirs: tuple[Runtime, Runtime], model: type[Stage]
) -> None:
    with tenant_scope(world.archipel.id), pytest.raises(ProgrammingError, match="permission denied"):
        model.objects.exists()


def test_a_tenant_learns_of_a_rollout_where_it_goes_and_not_its_name(
    world: World, theirs: tuple[Runtime, Runtime]
) -> None:
    with tenant_scope(world.archipel.id), transaction.atomic():
        assert list(Rollout.objects.values_list("release_key", "state")) == [(NEW, "running")]
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Rollout.objects.values_list("name", "hold").get()


@pytest.mark.parametrize("change", [{"state": "paused"}, {"urgent": True}])
def test_a_tenant_changes_no_rollout(
    world: World, theirs: tuple[Runtime, Runtime], change: dict[str, object]
) -> None:
    with tenant_scope(world.archipel.id), pytest.raises(ProgrammingError, match="permission denied"):
        Rollout.objects.update(**change)


def test_a_tenant_does_nothing_to_its_target_but_have_it_look_again(
    world: World, theirs: tuple[Runtime, Runtime]
) -> None:
    with tenant_scope(world.archipel.id):
        for change in ({"priority": 9}, {"state": "succeeded"}, {"runtime": theirs[1]}):
            with pytest.raises(ProgrammingError, match=r"permission denied|row-level"), transaction.atomic():
                Target.objects.update(**change)
        with pytest.raises(ProgrammingError, match="permission denied"), transaction.atomic():
            Target.objects.all().delete()
    Target.objects.update(state="skipped", reason_code="asked")
    with tenant_scope(world.archipel.id):
        assert Target.objects.update(state="waiting", due_at=utcnow()) == 0


def test_a_tenant_that_changes_its_window_has_its_own_targets_look_again(
    world: World, theirs: tuple[Runtime, Runtime]
) -> None:
    with tenant_scope(world.archipel.id), transaction.atomic():
        services.add_window(
            actor=world.alice.actor, owner=Owner(tenant_id=world.archipel.id), days=["sat"], begin="02:00",
            end="06:00", time_zone="UTC",
        )  # fmt: skip
    assert dict(Target.objects.values_list("runtime", "state")) == {
        theirs[0].id: "waiting",
        theirs[1].id: "ready",
    }
    counted = Lane.objects.aggregate(waiting=Sum("waiting"), ready=Sum("ready"))
    assert counted == {"waiting": 1, "ready": 1}
    assert dict(Tally.objects.filter(targets__gt=0).values_list("state", "targets")) == {
        "waiting": 1,
        "ready": 1,
    }
