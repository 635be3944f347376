"""Releases over the API: read by everybody, and a runtime's way to a newer one with what the last upgrade changed."""

from __future__ import annotations

import pytest

from controlplane.catalog.releasing import point_channel
from controlplane.kernel.clock import utcnow
from controlplane.notices.models import Notice
from provisioner.lifecycle import upgrade_notices
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.signed_in import browse
from tests.world import World, order

pytestmark = pytest.mark.django_db
SIDE = {"release": "2026.9.1", "kubernetes": "1.33.8", "workloads": 7, "unwell": {}}
REPORT = {
    "outcome": "succeeded",
    "reasons": [],
    "hops": ["2026.10.1"],
    "changes": [{"what": "Kubernetes", "before": "1.33.8", "after": "1.34.8"}],
    "before": SIDE,
    "after": {**SIDE, "release": "2026.10.1", "kubernetes": "1.34.8"},
}


@pytest.fixture
def runtime(world: World) -> Runtime:
    """A runtime of Archipel's that stands, as far as its row says, on a release that its channel has left."""
    assert world.landscape.key
    point_channel(actor=world.sam.actor, key="regular", release="2026.9.1")
    found: Runtime = order(world).runtime
    point_channel(actor=world.sam.actor, key="regular", release="2026.10.1")
    Operation.objects.filter(runtime=found).update(state="succeeded", slot=None, finished_at=utcnow())
    Runtime.objects.filter(pk=found.pk).update(phase="ready", observed_generation=1)
    return found


def test_drafts_are_for_those_who_publish_them(world: World) -> None:
    seen = {
        person: [one["key"] for one in read(Asking(person).get("/releases"))["results"]]
        for person in (world.vera, world.sam)
    }
    assert seen[world.vera] == ["2026.11.1", "2026.10.1", "2026.9.1"]
    assert seen[world.sam] == ["2026.12.1", *seen[world.vera]]
    assert problem(Asking(world.vera).get("/releases/2026.12.1")) == (404, "release_not_found")
    published = Asking(world.sam).post("/releases/2026.12.1/publish")
    assert read(published)["state"] == "published"
    assert read(Asking(world.vera).get("/releases/2026.12.1"))["requires"] == ["2026.10.1"]


def test_a_tenant_upgrades_now_and_reads_what_changed(world: World, runtime: Runtime) -> None:
    alice, address = Asking(world.alice), f"/runtimes/{runtime.id}"
    before = read(alice.get(f"{address}/releases"))
    assert (before["release"], before["next"], before["last"]) == ("2026.9.1", "2026.10.1", None)
    assert [(offer["release"], offer["hops"]) for offer in before["available"]] == [
        ("2026.10.1", ["2026.10.1"]),
        ("2026.11.1", ["2026.10.1", "2026.11.1"]),
    ]
    assert problem(alice.post(f"{address}/upgrade", {"release": "2026.9.1"})) == (
        409,
        "release_present",
    )
    started = alice.post(f"{address}/upgrade", {})
    assert started.status_code == 202
    operation = Operation.objects.get(runtime=runtime, kind="upgrade")
    assert read(started)["operation"]["id"] == str(operation.id)
    Operation.objects.filter(pk=operation.pk).update(
        state="succeeded", slot=None, finished_at=utcnow(), kept={"report": REPORT}
    )
    after = read(alice.get(f"{address}/releases"))
    assert after["last"]["report"]["changes"] == REPORT["changes"]
    page = browse(world.alice).get(f"{address}/").content.decode()
    assert "<del>1.33.8</del>" in page
    assert "<ins>1.34.8</ins>" in page
    assert upgrade_notices.tell_ended() == 1
    assert upgrade_notices.tell_ended() == 0
    assert Notice.objects.filter(kind="upgrade-done", tenant=world.archipel).count() == 1


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"release": "2026.9.1"}, (422, "unknown_field")),
        ({"reason": "x"}, (422, "unknown_field")),
        (["a"], (400, "not_an_object")),
    ],
)
def test_whoever_says_more_than_a_pin_takes_is_told(
    world: World, runtime: Runtime, given: object, told: tuple[int, str]
) -> None:
    alice, address = Asking(world.alice), f"/runtimes/{runtime.pk}/pin"
    assert problem(alice.post(address, given)) == told
    assert alice.post(address, b"garbage", Content_Type="application/json").status_code == 400
    assert read(alice.get(f"/runtimes/{runtime.pk}/releases"))["pinned"] is None
    assert alice.post(address, {}).status_code == 200


def test_a_pinned_runtime_says_so_and_lets_go(world: World, runtime: Runtime) -> None:
    alice, address = Asking(world.alice), f"/runtimes/{runtime.id}"
    assert alice.post(f"{address}/pin").status_code == 200
    told = read(alice.get(f"{address}/releases"))
    assert (told["pinned"], told["next"]) == ("2026.9.1", None)
    assert {offer["refused"]["code"] for offer in told["available"]} == {"runtime_pinned"}
    assert alice.delete(f"{address}/pin").status_code == 200
    assert read(alice.get(f"{address}/releases"))["pinned"] is None
