"""A choice of modules is kept, and every face says plainly that nothing installs it yet."""

from __future__ import annotations

import json

import pytest

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.schema import plan_schema
from tests.api.asking import Asking, read
from tests.signed_in import browse, build, text
from tests.world import World

pytestmark = pytest.mark.django_db

SENTENCE = "Your choice is recorded; nothing installs modules into runtimes yet."


def test_the_plans_schema_says_so(alice: Asking) -> None:
    schema = read(alice.get("/plans/aws"))["schema"]
    assert SENTENCE in schema["properties"]["modules"]["description"]


def test_the_api_reference_says_so_where_modules_are_written_and_read(alice: Asking) -> None:
    shapes = read(alice.get("/schema"))["components"]["schemas"]
    for shape in ("Runtime", "RuntimeCreate"):
        assert SENTENCE in json.dumps(shapes[shape], ensure_ascii=False), shape


def test_the_request_form_says_so_once(world: World) -> None:
    page = text(browse(world.alice).get("/runtimes/new?plan=aws"))
    assert page.count(SENTENCE) == 1


def test_a_runtimes_page_says_so_beside_the_choice(world: World) -> None:
    row = build(world)
    page = text(browse(world.alice).get(f"/runtimes/{row.id}/"))
    assert "The plan's own set (recorded, not installed yet)" in page


def test_nothing_that_is_said_of_modules_promises_an_installation(world: World) -> None:
    modules = json.dumps(plan_schema(load_plan_facts("aws"))["properties"]["modules"]).lower()
    assert modules.count("install") == SENTENCE.count("install") + len(["not installed yet"])
