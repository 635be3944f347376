"""The form that requests a runtime: drawn from the plan's schema, forgiving, and sent once."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from billing.books.apply import apply_prices
from controlplane.tenants.access import SYSTEM
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, hidden_value, present, text
from tests.world import World

pytestmark = pytest.mark.django_db
AWS = "/runtimes/new?plan=aws"
FILLED = {
    "name": "checkout",
    "account": "shop",
    "labels": "team=blue\nstage=test",
    "parameters.region": "eu-central-1",
    "parameters.channel": "regular",
    "parameters.machineType": "m6i.large",
    "parameters.autoScalerMin": "3",
    "parameters.autoScalerMax": "5",
    "parameters.modules._branch": "0-yes",
}
POOL = "parameters.additionalWorkerNodePools"


@pytest.fixture
def alice(world: World) -> Client:
    present(world.landscape)
    present(world.shop)
    return browse(world.alice)


def test_plans_are_offered_first(alice: Client) -> None:
    page = text(alice.get("/runtimes/new"))
    assert "Amazon Web Services" in page
    assert "Trial" not in page


def test_the_form_shows_regions_with_zones_and_machines_with_their_size(alice: Client) -> None:
    page = text(alice.get(AWS))
    assert "Frankfurt (eu-central-1), zones a, b, c" in page
    assert "m6i.large (2 vCPU, 8 GiB)" in page


def test_every_parameter_of_every_plan_has_a_field(alice: Client) -> None:
    from controlplane.catalog.facts import list_plan_facts
    from controlplane.catalog.schema import plan_schema

    for plan in list_plan_facts():
        body = alice.get(f"/runtimes/new?plan={plan.key}").content.decode()
        for key in plan_schema(plan)["properties"]:
            assert f'id="f-parameters-{key}' in body, (plan.key, key)


def test_a_filled_form_becomes_a_runtime_and_leads_to_its_page(alice: Client) -> None:
    answer = alice.post(AWS, FILLED)
    row = Runtime.objects.get()
    assert answer["Location"] == f"/runtimes/{row.id}/"
    assert (row.name, row.account.slug, row.region) == ("checkout", "shop", "eu-central-1")
    assert row.labels == {"team": "blue", "stage": "test"}
    assert row.spec["parameters"]["autoScalerMax"] == 5
    assert "checkout is requested." in text(alice.get(answer["Location"]))


def test_the_same_form_sent_twice_makes_one_runtime(alice: Client) -> None:
    token = hidden_value(alice.get(AWS), "token")
    first = alice.post(AWS, {**FILLED, "token": token})
    second = alice.post(AWS, {**FILLED, "token": token})
    assert first["Location"] == second["Location"]
    assert Operation.objects.count() == 1


def test_a_refused_form_may_be_mended_and_sent_again(alice: Client) -> None:
    token = hidden_value(alice.get(AWS), "token")
    assert alice.post(AWS, {**FILLED, "token": token, "name": "Bad Name"}).status_code == 422
    assert alice.post(AWS, {**FILLED, "token": token}).status_code == 302


def test_errors_stand_on_top_and_at_their_fields_and_nothing_typed_is_lost(alice: Client) -> None:
    answer = alice.post(
        AWS, {**FILLED, "name": "No Good", "parameters.autoScalerMin": "9", "labels": "team=blue"}
    )
    body, page = answer.content.decode(), text(answer)
    assert answer.status_code == 422
    assert "2 things need a change" in page
    assert 'href="#f-name"' in body
    assert 'href="#f-parameters-autoScalerMin"' in body
    assert "“Fewest nodes” is 9, but “Most nodes” is 5" in page
    assert 'value="No Good"' in body
    assert 'value="9"' in body
    assert "team=blue" in page
    assert not Runtime.objects.exists()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"parameters.region": "mars-1"}, '“Region” can\'t be "mars-1".'),
        ({"parameters.autoScalerMin": "many"}, "“Fewest nodes” must be a whole number"),
        ({"parameters.machineType": "quantum.large"}, '“Machine type” can\'t be "quantum.large".'),
        ({"account": "shopp"}, "Your tenant has no account “shopp”. Did you mean shop? Choose one of: shop."),
        ({"account": ""}, "Choose one of: shop."),
        ({"labels": "bad key!=x"}, "bad key!"),
        ({"parameters.administrators": "two words"}, "“Administrators"),
    ],
)
def test_each_fault_is_said_in_the_form_s_words(alice: Client, change: dict[str, str], sentence: str) -> None:
    answer = alice.post(AWS, {**FILLED, **change})
    assert answer.status_code == 422
    assert sentence in text(answer)


def test_a_taken_name_is_told_at_the_name(alice: Client) -> None:
    alice.post(AWS, FILLED)
    answer = alice.post(AWS, FILLED)
    assert answer.status_code == 422
    assert 'href="#f-name"' in answer.content.decode()


def test_a_plain_word_in_a_sentence_is_not_taken_for_the_field_of_that_name(alice: Client) -> None:
    for _ in range(2):
        answer = alice.post(AWS, {**FILLED, "name": "my-name"})
    assert "has a runtime “my-name” already; choose another name." in text(answer)


def test_a_suspended_tenant_is_told_so_and_keeps_what_was_typed(alice: Client, world: World) -> None:
    type(world.archipel).objects.update(state="suspended")
    answer = alice.post(AWS, FILLED)
    assert answer.status_code == 422
    assert "suspended" in text(answer)
    assert 'value="checkout"' in answer.content.decode()


def test_rows_are_added_and_removed_by_buttons_without_javascript(alice: Client) -> None:
    once = alice.post(AWS, {**FILLED, "rows": f"add:{POOL}"})
    assert "Worker pool 1" in text(once)
    assert once.status_code == 200
    two = {
        **FILLED,
        f"{POOL}.0._row": "1",
        f"{POOL}.0.name": "first",
        f"{POOL}.1._row": "1",
        f"{POOL}.1.name": "second",
    }
    left = alice.post(AWS, {**two, "rows": f"remove:{POOL}.0"}).content.decode()
    assert 'value="second"' in left
    assert 'value="first"' not in left
    assert not Runtime.objects.exists()


def test_a_pool_with_labels_and_taints_reaches_the_spec(alice: Client) -> None:
    pool = {
        f"{POOL}.4._row": "1",
        f"{POOL}.4.name": "batch",
        f"{POOL}.4.machineType": "m6i.xlarge",
        f"{POOL}.4.autoScalerMin": "0",
        f"{POOL}.4.autoScalerMax": "2",
        f"{POOL}.4.labels": "work=batch",
        f"{POOL}.4.taints.0._row": "1",
        f"{POOL}.4.taints.0.key": "batch",
        f"{POOL}.4.taints.0.effect": "NoSchedule",
    }
    answer = alice.post(AWS, {**FILLED, **pool})
    assert answer.status_code == 302, text(answer)
    (stored,) = Runtime.objects.get().spec["parameters"]["additionalWorkerNodePools"]
    assert stored["name"] == "batch"
    assert stored["haZones"] is False
    assert stored["labels"] == {"work": "batch"}
    assert stored["taints"] == [{"key": "batch", "value": "", "effect": "NoSchedule"}]


def test_an_error_inside_a_pool_finds_its_row(alice: Client) -> None:
    pool = {f"{POOL}.0._row": "1", f"{POOL}.0.name": "UPPER", f"{POOL}.0.machineType": "m6i.large"}
    answer = alice.post(AWS, {**FILLED, **pool})
    assert 'href="#f-parameters-additionalWorkerNodePools-0-name"' in answer.content.decode()
    assert "Worker pool 1: “Name” is" in text(answer)


def test_modules_may_be_the_plan_s_own_none_or_a_choice(alice: Client) -> None:
    own = {
        **FILLED,
        "name": "own",
        "parameters.modules._branch": "1",
        "parameters.modules.list": ["eventing"],
    }
    alice.post(AWS, {**own, "parameters.modules.list.eventing.customResourcePolicy": "Ignore"})
    alice.post(AWS, {**FILLED, "name": "none", "parameters.modules._branch": "0-no"})
    stored = {row.name: row.spec["parameters"]["modules"] for row in Runtime.objects.all()}
    assert stored["own"] == {"list": [{"name": "eventing", "customResourcePolicy": "Ignore"}]}
    assert stored["none"] == {"default": False}


def test_the_size_is_reckoned_while_the_form_is_filled_in(alice: Client) -> None:
    answer = alice.post("/runtimes/new/size?plan=aws", FILLED)
    page = text(answer)
    assert "Nodes 3 to 5" in page
    assert "vCPU 6 to 10" in page
    assert "Memory 24 to 40 GiB" in page
    wrong = text(alice.post("/runtimes/new/size?plan=aws", {**FILLED, "parameters.autoScalerMin": "9"}))
    assert "“Fewest nodes” is 9" in wrong


def test_what_that_size_costs_in_a_month_is_told(alice: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "A month" not in text(alice.post("/runtimes/new/size?plan=aws", FILLED))
    apply_prices(actor=SYSTEM)
    june = datetime(2026, 6, 20, 12, tzinfo=UTC)
    monkeypatch.setattr("controlplane.console.views.new_runtime.utcnow", lambda: june)
    assert "A month, about 271 to 403 EUR" in text(alice.post("/runtimes/new/size?plan=aws", FILLED))


@pytest.mark.parametrize("who", ["vera", "sam"])
def test_those_who_may_only_look_get_a_page_that_says_so(world: World, who: str) -> None:
    client = browse(getattr(world, who))
    present(world.archipel)
    for answer in (client.get(AWS), client.post(AWS, FILLED)):
        assert answer.status_code == 403
        assert "You may not do this" in text(answer)
    assert not Runtime.objects.exists()


def test_an_unknown_plan_is_said_with_those_that_there_are(alice: Client) -> None:
    answer = alice.get("/runtimes/new?plan=gold")
    assert answer.status_code == 422
    assert "There is no plan" in text(answer)


def test_a_crafted_form_never_breaks_the_page(alice: Client) -> None:
    junk: dict[str, Any] = {
        **FILLED,
        "token": "not-a-token",
        "parameters.modules._branch": "7",
        "parameters.modules.list": ["\0", "unknown"],
        f"{POOL}.999999.name": "x\0y",
        "parameters.oidc.list.0._row": "1",
        "parameters.networking.pods": "999.1.1.1/33",
    }
    assert alice.post(AWS, junk).status_code == 422
    for button in (
        "add:",
        "remove:",
        "add:parameters",
        "remove:parameters.region.5",
        "add:parameters.region",
        "x",
    ):
        assert alice.post(AWS, {**FILLED, "rows": button}).status_code == 200
