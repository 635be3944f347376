"""One runtime as an SRE looks at it: what differs from what is wanted, and all that happened, in one place."""

from __future__ import annotations

import re
from importlib import import_module
from uuid import UUID

import pytest

from controlplane.console import queries
from controlplane.kernel.clock import utcnow
from controlplane.tenants import audit
from controlplane.tenants.access import Actor
from provisioner.lifecycle.upgrade import upgrade_runtime
from provisioner.observer.models import Drift
from provisioner.operations.models import Operation
from provisioner.rollouts.models import Target
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, fleet, no_gates
from tests.signed_in import browse, build, text
from tests.world import World

pytestmark = pytest.mark.django_db


def test_what_differs_stands_out_beside_what_is_as_wanted(world: World) -> None:
    (row,) = fleet(world.shop, [world.landscape], 1)
    sre, where = browse(world.sam), f"/fleet/runtimes/{row.pk}/"
    Runtime.objects.update(status={"situation": "ready", "kubernetes_version": "1.33.8"})
    page = text(sre.get(where))
    assert "Kubernetes 1.33.8 1.33.8 As wanted" in page
    assert "Release of its channel, or the one that it is pinned to 2026.10.1 2026.9.1 Differs" in page
    Drift.objects.create(
        runtime=row, landscape=world.landscape, fields=["provider.workers.system.maximum", "networking"],
        seen_at=utcnow(), due_at=utcnow(),
    )  # fmt: skip
    page = text(sre.get(where))
    assert (
        "Workers system 1 to 2 m6i.large in eu-central-1a changed: provider.workers.system.maximum Differs"
        in page
    )
    assert "changed: networking" in page
    assert "3 differ" in page
    upgrade_runtime(actor=world.alice.actor, runtime_id=row.pk, release=NEW)
    assert "generation 2 generation 1 On its way" in text(sre.get(where))


@pytest.mark.parametrize("phase", ["failed", "ready"])
def test_where_nothing_is_worked_on_nothing_is_on_its_way(world: World, phase: str) -> None:
    (row,) = fleet(world.shop, [world.landscape], 1)
    Runtime.objects.update(
        phase=phase,
        generation=2,
        pinned="2026.9.1",
        status={"situation": "ready", "kubernetes_version": "1.33.8"},
    )
    page = text(browse(world.sam).get(f"/fleet/runtimes/{row.pk}/"))
    assert "generation 2 generation 1 Differs" in page
    assert "1 differs" in page
    assert "On its way" not in page


def test_why_a_rollout_has_not_come_is_told_in_a_sentence_without_its_code(world: World) -> None:
    (row,) = fleet(world.shop, [world.landscape], 1)
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    Target.objects.update(
        state="blocked",
        due_at=utcnow(),
        reason_code="upgrade_blocked",
        reason="the budget never holds. Raise it.",
    )
    page = text(browse(world.sam).get(f"/fleet/runtimes/{row.pk}/"))
    assert "The budget never holds. Raise it. Conditions" in page
    assert "The budget never holds. Raise it.." not in text(browse(world.alice).get(f"/runtimes/{row.pk}/"))


def test_all_that_happened_is_told_newest_first_with_a_way_to_each(world: World) -> None:
    row = build(world)
    Runtime.objects.filter(pk=row.pk).update(
        status={
            "situation": "unhealthy",
            "conditions": [
                {
                    "type": "EveryNodeReady",
                    "status": "False",
                    "message": "1 is away.",
                    "since": "2026-01-01T00:00:00Z",
                }
            ],
        }
    )
    Operation.objects.update(
        state="failed", started_at=row.created_at, error_code="ERR_QUOTA", error_message="No room."
    )
    audit.record(
        "runtime.look", actor=world.alice.actor, tenant_id=row.tenant_id, target_type="runtime", target_id=row.pk, changes={}
    )  # fmt: skip
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    ) if row.release_key != NEW else None  # fmt: skip
    if made:
        start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    sre = browse(world.sam)
    page = sre.get(f"/fleet/runtimes/{row.pk}/")
    said = text(page).split("Everything that happened")[1]
    assert said.index("Runtime look") < said.index("ERR_QUOTA: No room.") < said.index("1 is away.")
    assert f"/operations/{Operation.objects.get().pk}/" in page.content.decode()
    assert f"/fleet/runtimes/{row.pk}/" in sre.get(f"/runtimes/{row.pk}/").content.decode()
    assert f"/fleet/runtimes/{row.pk}/" in sre.get("/fleet/runtimes").content.decode()
    assert sre.get(f"/fleet/runtimes/{row.pk}/live").status_code == 200
    assert browse(world.alice).get(f"/fleet/runtimes/{row.pk}/").status_code == 403


def test_what_did_not_change_is_not_drawn_again_and_what_did_is_at_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = fleet(world.shop, [world.landscape], 1)
    sre, where = browse(world.sam), f"/runtimes/{row.pk}/live"
    first = sre.get(where)
    seen = re.search(r"seen=([0-9a-f]{16})", first.content.decode())
    assert seen
    drawn: list[int] = []
    monkeypatch.setattr("controlplane.console.views.runtime.runtime_context", lambda *_: drawn.append(1))
    assert sre.get(where, {"seen": seen.group(1)}).status_code == 204
    assert drawn == []
    monkeypatch.undo()
    Runtime.objects.update(
        status={"situation": "unhealthy", "conditions": [{"type": "x", "status": "False"}]}
    )
    changed = sre.get(where, {"seen": seen.group(1)})
    assert (changed.status_code, "Not healthy" in text(changed)) == (200, True)


@pytest.mark.parametrize(
    ("view", "where"), [("runtime", "/runtimes/{}/live"), ("fleet.runtime", "/fleet/runtimes/{}/live")]
)
def test_what_changes_while_a_page_is_read_is_on_it_a_second_later(
    world: World, monkeypatch: pytest.MonkeyPatch, view: str, where: str
) -> None:
    (row,) = fleet(world.shop, [world.landscape], 1)
    sre, address = browse(world.sam), where.format(row.pk)
    read = queries.the_runtime

    def changed_behind(actor: Actor, runtime_id: UUID) -> Runtime:
        found = read(actor, runtime_id)
        Runtime.objects.update(
            status={"situation": "unhealthy", "conditions": [{"type": "x", "status": "False"}]}
        )
        return found

    place = f"controlplane.console.views.{view}"
    module = import_module(place)
    target = "queries.the_runtime" if hasattr(module, "queries") else "the_runtime"
    monkeypatch.setattr(f"{place}.{target}", changed_behind)
    old = sre.get(address)
    monkeypatch.undo()
    seen = re.search(r"seen=([0-9a-f]{16})", old.content.decode())
    assert seen
    new = sre.get(address, {"seen": seen.group(1)})
    assert new.status_code == 200
    assert text(new) != text(old)


def test_an_upgrade_that_its_own_people_have_begun_is_not_planned_any_more(world: World) -> None:
    row = fleet(world.shop, [world.landscape], 1)[0]
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    alice, where = browse(world.alice), f"/runtimes/{row.pk}/"
    assert "is planned" in text(alice.get(where))
    upgrade_runtime(actor=world.alice.actor, runtime_id=row.pk, release=NEW)
    row.refresh_from_db()
    assert row.phase == "ready", "nobody has taken it up yet"
    assert "is planned" not in text(alice.get(where))
