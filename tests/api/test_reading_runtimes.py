"""GET /runtimes: filters, pages, and what a caller can't see."""

from __future__ import annotations

from uuid import uuid4

import pytest
from django.utils.timezone import now

from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def fleet(alice: Asking, world: World) -> dict[str, str]:
    """Three runtimes of Archipel by name, and their ids."""
    assert world.lab.tenant == world.archipel
    frankfurt, dublin = {"region": "eu-central-1"}, {"region": "eu-west-1"}
    wishes = [
        {"name": "checkout", "parameters": frankfurt, "labels": {"team": "payments", "stage": "live"}},
        {"name": "search", "parameters": dublin, "labels": {"team": "discovery"}},
        {"name": "bench", "account": "lab", "parameters": frankfurt, "labels": {"team": "payments"}},
    ]
    return {str(wish["name"]): alice.order(**wish)["runtime"]["id"] for wish in wishes}


def names(asking: Asking, query: str = "") -> list[str]:
    response = asking.get(f"/runtimes{query}")
    assert response.status_code == 200, response.content
    return [runtime["name"] for runtime in read(response)["results"]]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ["bench", "search", "checkout"]),
        ("?account=lab", ["bench"]),
        ("?account=lab,shop", ["bench", "search", "checkout"]),
        ("?region=eu-west-1", ["search"]),
        ("?plan=aws&plan=azure", ["bench", "search", "checkout"]),
        ("?plan=azure", []),
        ("?label=team=payments", ["bench", "checkout"]),
        ("?label=team=payments&label=stage=live", ["checkout"]),
        ("?q=CHECK", ["checkout"]),
        ("?q=west", ["search"]),
        ("?phase=pending", ["bench", "search", "checkout"]),
        ("?phase=ready,failed", []),
        ("?tenant=archipel", ["bench", "search", "checkout"]),
        ("?tenant=basalt", []),
    ],
)
def test_filters_narrow_the_list(
    alice: Asking, fleet: dict[str, str], query: str, expected: list[str]
) -> None:
    assert names(alice, query) == expected


def test_an_account_can_be_filtered_by_its_id(alice: Asking, fleet: dict[str, str], world: World) -> None:
    assert names(alice, f"?account={world.lab.id}") == ["bench"]


def test_what_is_gone_is_listed_on_request_only(alice: Asking, fleet: dict[str, str]) -> None:
    Runtime.objects.filter(pk=fleet["search"]).update(phase="deprovisioned", deleted_at=now())
    assert "search" not in names(alice)
    assert "search" in names(alice, "?deleted=true")
    assert names(alice, "?phase=deprovisioned") == ["search"]
    assert read(alice.get(f"/runtimes/{fleet['search']}"))["status"]["phase"] == "deprovisioned"


@pytest.mark.parametrize(
    ("query", "code", "hint"),
    [
        ("?fase=ready", "unknown_parameter", "Did you mean phase?"),
        ("?phase=redy", "invalid_parameter", "Did you mean ready?"),
        ("?format=xml", "unknown_parameter", "format"),
        ("?limit=0", "invalid_parameter", "1 to 200"),
        ("?limit=201", "invalid_parameter", "1 to 200"),
        ("?limit=many", "invalid_parameter", "1 to 200"),
        ("?limit=1&limit=2", "parameter_repeated", "once"),
        ("?deleted=yes", "invalid_parameter", "true or false"),
        ("?label=team", "invalid_parameter", "key=value"),
        ("?q=%00", "invalid_text", "NUL"),
        ("?cursor=nonsense", "cursor_invalid", "next"),
        ("?cursor=%C3%BC", "cursor_invalid", "next"),
    ],
)
def test_a_wrong_query_is_named(alice: Asking, query: str, code: str, hint: str) -> None:
    response = alice.get(f"/runtimes{query}")
    assert problem(response) == (400, code)
    assert hint in read(response)["detail"]


def test_pages_follow_one_another_without_gaps_while_rows_come(alice: Asking, fleet: dict[str, str]) -> None:
    first = read(alice.get("/runtimes?limit=2&label=team=payments,stage=live&label=team=payments"))
    assert first["next"] is None
    first = read(alice.get("/runtimes?limit=2&plan=aws"))
    alice.order(name="newcomer")
    second = read(alice.get(first["next"]))
    seen = [runtime["name"] for page in (first, second) for runtime in page["results"]]
    assert seen == ["bench", "search", "checkout"]
    assert second["next"] is None


def test_another_tenants_runtime_is_answered_like_one_that_never_was(
    alice: Asking, bob: Asking, fleet: dict[str, str]
) -> None:
    theirs, nobodys = fleet["checkout"], str(uuid4())
    foreign, missing = (read(bob.get(f"/runtimes/{runtime}")) for runtime in (theirs, nobodys))
    for body, runtime in ((foreign, theirs), (missing, nobodys)):
        body.pop("request_id")
        body["detail"] = body["detail"].replace(runtime, "…")
    assert foreign == missing
    assert names(bob) == []


@pytest.mark.parametrize("text", ["nonsense", "1", "a.b.c", "%00", "%ED%A0%80", "x" * 300, "{}", "-"])
def test_an_id_that_can_not_be_one_is_a_json_404(alice: Asking, text: str) -> None:
    for path in (
        f"/runtimes/{text}",
        f"/operations/{text}",
        f"/runtimes/{text}/operations",
        f"/plans/{text}",
    ):
        assert problem(alice.get(path))[0] == 404


def test_the_platforms_team_sees_every_tenants_rows_and_can_name_one(
    sam: Asking, bob: Asking, fleet: dict[str, str]
) -> None:
    bob.order(account="main", name="bobs")
    assert names(sam) == ["bobs", "bench", "search", "checkout"]
    assert names(sam, "?tenant=basalt") == ["bobs"]


def test_a_runtime_says_what_is_under_way(alice: Asking, fleet: dict[str, str]) -> None:
    runtime = read(alice.get(f"/runtimes/{fleet['checkout']}"))
    assert runtime["operation"]["kind"] == "provision"
    assert read(alice.get(runtime["operation"]["url"]))["runtime"]["id"] == runtime["id"]


def test_a_read_carries_the_generation_as_its_etag(alice: Asking, fleet: dict[str, str]) -> None:
    assert alice.get(f"/runtimes/{fleet['checkout']}")["ETag"] == '"r1"'
