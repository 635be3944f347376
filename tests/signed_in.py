"""People who use the console in tests: signed in, without a browser."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

from django.test import Client

from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.world import Person, World, order


def present(*_: object) -> None:
    """Name people and places of the cast that must be there before the test goes on: naming them makes them."""


def browse(person: Person) -> Client:
    """A client with the person's session."""
    client = Client()
    client.force_login(person.user)
    return client


def text(response: Any) -> str:
    """What a page says, without its tags, blanks folded."""
    body = response.content.decode()
    body = re.sub(r"<(script|style|svg)\b.*?</\1>", " ", body, flags=re.DOTALL)
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", body))).strip()


def hidden_value(response: Any, name: str) -> str:
    """The value of a hidden input."""
    found = re.search(rf'name="{re.escape(name)}" value="([^"]*)"', response.content.decode())
    assert found, f"no hidden input {name}"
    return unescape(found.group(1))


def build(world: World, name: str = "checkout", *, phase: str = "ready", **changes: Any) -> Runtime:
    """A runtime as it stands after its first operation succeeded (or in another phase, with that one open)."""
    present(world.landscape)
    operation = order(world, name=name, **changes)
    if phase == "ready":
        Operation.objects.filter(pk=operation.pk).update(
            state="succeeded", slot=None, finished_at=operation.created_at, progress=100
        )
        Runtime.objects.filter(pk=operation.runtime_id).update(
            phase=phase,
            observed_generation=1,
            status={"api_endpoint": f"https://api.{name}.example.org", "kubernetes_version": "1.34.2"},
        )
    row: Runtime = Runtime.objects.get(pk=operation.runtime_id)
    return row
