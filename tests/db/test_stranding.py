"""The catalog can't take away what a live runtime stands on."""

from __future__ import annotations

import pytest
from django.db.models.functions import Now

from controlplane.catalog.ports import Removal
from provisioner.lifecycle.stranding import in_use
from provisioner.runtimes.models import Runtime
from tests.signed_in import present
from tests.world import World, order

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World) -> Runtime:
    present(world.landscape)
    found: Runtime = order(world).runtime
    return found


def removals(runtime: Runtime) -> list[Removal]:
    pool = runtime.cluster_spec["pools"][0]
    return [
        Removal("plan", "aws"),
        Removal("region", "eu-central-1", provider="aws"),
        Removal("region", "eu-central-1", plan="aws"),
        Removal("machine_type", pool["machine_type"], provider="aws"),
        Removal("zone", f"eu-central-1/{pool['zones'][0]}", provider="aws"),
        Removal("kubernetes_version", ".".join(runtime.cluster_spec["kubernetes_version"].split(".")[:2])),
        Removal("release", runtime.spec["release"]["key"]),
        Removal("module", next(iter(runtime.spec["release"]["modules"]))),
    ]


def test_everything_that_a_runtime_stands_on_is_named(runtime: Runtime) -> None:
    asked = removals(runtime)
    answers = in_use(tuple(asked))
    assert [answer.removal for answer in answers] == asked
    assert {answer.examples for answer in answers} == {("checkout",)}


def test_what_nobody_uses_may_go(runtime: Runtime) -> None:
    free = (
        Removal("plan", "gcp"),
        Removal("region", "eu-central-1", provider="gcp"),
        Removal("region", "us-east-1", provider="aws"),
        Removal("machine_type", "m99.huge", provider="aws"),
        Removal("zone", "us-east-1/us-east-1a", provider="aws"),
        Removal("kubernetes_version", "1.3"),
        Removal("release", "1999.1.1"),
        Removal("module", "blockchain"),
    )
    assert in_use(free) == []


def test_a_runtime_that_is_gone_stands_on_nothing(runtime: Runtime) -> None:
    Runtime.objects.filter(pk=runtime.pk).update(phase="deprovisioned", deleted_at=Now())
    assert in_use(tuple(removals(runtime))) == []
