"""The stages of a rollout as a form without JavaScript: rows come, go and change places; what can't be stands at its field."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from controlplane.tenants.models import User
from provisioner.rollouts.models import Gate, Rollout, Stage
from tests.rolling_out import NEW, fleet
from tests.signed_in import browse, hidden_value, text
from tests.world import World

pytestmark = pytest.mark.django_db
WHERE = "/fleet/rollouts/new"
WISH = {
    "name": "October", "release": NEW, "selector": "all", "shape": "own", "max_concurrency": "10%", "max_failures": "2%",
    "leave": "on",
}  # fmt: skip


@pytest.fixture
def sre(world: World) -> Client:
    fleet(world.shop, [world.landscape], 6)
    User.objects.create(username="ada", platform_role="sre")  # where two have to approve
    return browse(world.sam)


def rows(*stages: dict[str, str]) -> dict[str, str]:
    return {f"stages.{n}.{key}": value for n, stage in enumerate(stages) for key, value in stage.items()}


CANARY, REST = {"name": "canary", "share": "1"}, {"name": "rest", "share": "rest"}


def names(page: Any) -> list[str]:
    group = next(group for group in page.context["groups"] if group.key == "stages")
    return [row.children[0].value for row in group.fields[0].children]


def test_a_fresh_form_shows_the_safe_stages_to_begin_with(sre: Client) -> None:
    assert names(sre.get(WHERE)) == ["canary", "1 %", "10 %", "rest"]


def test_stages_are_added_removed_and_put_before_others(sre: Client) -> None:
    wish = {**WISH, **rows(CANARY, REST)}
    assert names(sre.post(WHERE, {**wish, "rows": "add:stages"})) == ["canary", "stage 3", "rest"]
    assert names(sre.post(WHERE, {**wish, "rows": "remove:stages.0"})) == ["rest"]
    assert names(sre.post(WHERE, {**wish, "rows": "down:stages.0"})) == ["rest", "canary"]
    assert names(sre.post(WHERE, {**wish, "rows": "up:stages.0"})) == ["canary", "rest"]
    page = sre.post(WHERE, {**wish, "shape": "safe", "rows": "up:stages.1"})
    assert (page.status_code, page.context["own"]) == (200, True), "whoever changes stages means them"


def test_what_is_filled_in_is_previewed_and_begun(sre: Client) -> None:
    canary = {
        **CANARY,
        "soak": "30",
        "approvals": "2",
        "begins_at": "2030-01-01T06:00Z",
        "groups": "large: plan=aws: 1",
    }
    wish = {**WISH, **rows(canary, {**REST, "max_failures": "10%"})}
    refused = sre.post(WHERE, {**wish, "step": "preview"})
    assert "more than a year away" in text(refused)
    del wish["stages.0.begins_at"]
    page = sre.post(WHERE, {**wish, "step": "preview"})
    assert "then: timed soak" in text(page)
    assert "Plans aws 6" in text(page), "whom it touches"
    sre.post(WHERE, {**wish, "step": "draft", "seen": hidden_value(page, "seen")})
    made = Rollout.objects.get()
    assert [one["name"] for one in made.plan["stages"]] == ["canary", "rest"]
    assert made.plan["stages"][0]["groups"] == [
        {"name": "large", "select": "plan=aws", "max_concurrency": "1"}
    ]
    sre.post(f"/fleet/rollouts/{made.pk}/start")
    assert list(Stage.objects.order_by("position").values_list("name", "total")) == [
        ("canary", 1),
        ("rest", 5),
    ]
    assert set(Gate.objects.values_list("kind", "side")) == {("soak", "after"), ("approval", "after")}


@pytest.mark.parametrize(
    ("first", "field", "told"),
    [
        ({"share": "110%"}, "share", "write at most 100%"),
        ({"share": "some"}, "share", "must be a number"),
        ({"max_concurrency": "0"}, "max_concurrency", "nothing would ever begin"),
        ({"name": ""}, "name", "A stage has a name"),
        ({"name": "rest"}, "name", "Two stages are called"),
        ({"soak": "soon"}, "soak", "Write a number"),
        ({"soak": "99999"}, "soak", "write 1 to 43200"),
        ({"approvals": "9"}, "approvals", "write 1 to 5"),
        ({"begins_at": "2020-01-01T06:00Z"}, "begins_at", "is over"),
        ({"begins_at": "2030-01-01T06:00"}, "begins_at", "needs its offset"),
        ({"healthy": "101"}, "healthy", "write 0 to 100"),
        ({"select": "plam=aws"}, "select", "Did you mean plan?"),
        ({"select": "plan=azur"}, "select", "Did you mean azure?"),
        ({"select": "plan=gcp"}, "select", "finds no runtime"),
        ({"groups": "large"}, "groups", "Write a group as"),
        ({"deadline_hours": "x"}, "deadline_hours", "Write a number"),
    ],
)
def test_what_can_not_be_stands_at_its_field(
    sre: Client, first: dict[str, str], field: str, told: str
) -> None:
    stages = rows({**CANARY, **first}, REST)
    page = sre.post(WHERE, {**WISH, **stages, "step": "preview"})
    assert page.status_code == 422
    group = next(group for group in page.context["groups"] if group.key == "stages")
    wrong = {entry.name: " ".join(entry.errors) for entry in group.fields[0].walk() if entry.errors}
    number = 1 if told.startswith("Two stages") else 0
    assert told in wrong.get(f"stages.{number}.{field}", ""), wrong or page.context["problems"]


@pytest.mark.parametrize(
    ("change", "field", "told"),
    [
        ({"selector": "region=eu-centrall-1"}, "selector", "Did you mean eu-central-1?"),
        ({"selector": "tenant=archipel plan=gcp"}, "selector", "No runtime is selected"),
        ({"ignore_windows": "on"}, "ignore_windows", "Only an urgent rollout"),
        ({"max_failures": "101%"}, "max_failures", "write at most 100%"),
        ({"per_region": "0"}, "per_region", "nothing would ever begin"),
        ({"name": " "}, "name", ""),
    ],
)
def test_what_the_whole_can_not_be_stands_at_its_field(
    sre: Client, change: dict[str, Any], field: str, told: str
) -> None:
    given = {key: value for key, value in {**WISH, "shape": "one", **change}.items() if value is not None}
    page = sre.post(WHERE, {**given, "step": "draft" if field == "name" else "preview"})
    if field == "name":
        page = sre.post(WHERE, {**given, "step": "draft", "seen": hidden_value(page, "seen")})
    wrong = {entry.name for group in page.context["groups"] for entry in group.fields if entry.errors}
    assert (page.status_code, wrong) == (422, {field}), page.context["problems"]
    assert told in text(page)


def test_a_last_stage_that_leaves_somebody_out_is_told_there(sre: Client) -> None:
    page = sre.post(WHERE, {**WISH, **rows(CANARY, {"name": "more", "share": "2"}), "step": "preview"})
    group = next(group for group in page.context["groups"] if group.key == "stages")
    wrong = [entry.name for entry in group.fields[0].walk() if entry.errors]
    assert wrong == ["stages.1.share"]
