"""A plan that a tenant was not granted is not offered to it, and can't be ordered: the trial plan, and all others for a trial."""

from __future__ import annotations

import pytest
from django.conf import settings

from controlplane.catalog.entitlements import bounds_of, quota_of
from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.models import Entitlement, Plan, Revision
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.osb.offer import catalog_document, is_offered
from controlplane.trials.bounds import confine, give_a_place, set_free, take_the_place
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, text
from tests.world import World, order

pytestmark = pytest.mark.django_db
THERE = {"region": "eu-central-1"}


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


def refusal(world: World, plan: str) -> Refused:
    with pytest.raises(Refused) as refused:
        order(world, name="more", plan=plan, parameters=THERE)
    return refused.value


def test_nobody_orders_the_trial_plan_and_the_answer_says_where_trials_begin(world: World) -> None:
    found = refusal(world, "trial")
    assert (found.code, found.status) == ("quota_exceeded", 403)
    assert "/trial" in found.detail
    assert "sign up" in found.detail
    assert not Runtime.objects.exists()


def test_whoever_was_granted_it_orders_it(world: World) -> None:
    Entitlement.objects.create(tenant=world.archipel, plan="trial", runtimes=1, granted_by="pia")
    assert order(world, plan="trial", parameters=THERE).runtime.plan_id == "trial"


def test_a_plan_that_comes_later_is_closed_to_a_trial_that_runs(world: World) -> None:
    confine(world.archipel)
    give_a_place(world.archipel)
    first = Plan.objects.get(key="aws")
    definition = {**first.definition, "key": "later", "name": "Later", "broker_id": ""}
    Plan.objects.create(
        key="later", name="Later", description="Later.", provider=first.provider, digest="",
        landscape_kind=first.landscape_kind, position=99, definition=definition,
    )  # fmt: skip
    Revision.objects.create(applied_at=utcnow(), applied_by="test", changes=[])
    assert refusal(world, "later").code == "quota_exceeded"
    assert bounds_of(world.archipel, "later").runtimes == 0
    set_free(world.archipel)
    assert order(world, plan="later", parameters=THERE).runtime.plan_id == "later"


def test_a_place_that_is_taken_back_leaves_nothing_to_order(world: World) -> None:
    confine(world.archipel)
    give_a_place(world.archipel)
    assert bounds_of(world.archipel, "trial").runtimes == 1
    take_the_place(world.archipel)
    world.archipel.refresh_from_db()
    assert {line.bounds.runtimes for line in quota_of(world.archipel)} == {0}


def test_what_a_person_granted_a_trials_tenant_stays(world: World) -> None:
    confine(world.archipel)
    Entitlement.objects.create(tenant=world.archipel, plan="aws", runtimes=2, granted_by="pia")
    Entitlement.objects.create(tenant=world.archipel, plan="", runtimes=2, granted_by="pia")
    give_a_place(world.archipel)
    set_free(world.archipel)
    assert bounds_of(world.archipel, "aws").runtimes == 2
    assert order(world, plan="aws", parameters=THERE).runtime.plan_id == "aws"


def test_the_console_offers_only_what_can_be_ordered(world: World) -> None:
    world.shop  # noqa: B018 - who has no account is offered nothing
    client = browse(world.alice)
    assert "plan=trial" not in client.get("/runtimes/new").content.decode()
    assert "plan=aws" in client.get("/runtimes/new").content.decode()
    assert "Trial" not in text(client.get("/quota/")).split("Ask for more")[0]
    confine(world.archipel)
    page = text(client.get("/runtimes/new"))
    assert "granted no plan" in page
    assert "catalog is empty" not in page


def test_the_broker_does_not_offer_the_trial_plan(world: World) -> None:
    plans = {plan["name"] for plan in catalog_document(minor=17)["services"][0]["plans"]}
    assert settings.TRIAL_PLAN not in plans
    assert "aws" in plans
    assert not is_offered(load_plan_facts(settings.TRIAL_PLAN), "")
