"""A tenant says when its runtimes may be upgraded, puts upgrades off within bounds, and sees that one is planned."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.rollouts.deferring import RULE
from provisioner.rollouts.models import Exclusion, MaintenanceWindow, PutOff, Target
from provisioner.rollouts.services import create_rollout, start_rollout
from tests.rolling_out import NEW, fleet, no_gates
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db

HERE = "/maintenance/"
WINDOW = {
    "do": "window",
    "days": ["sat", "sun"],
    "begin": "02:00",
    "end": "06:00",
    "time_zone": "Europe/Berlin",
}


def test_a_window_is_added_and_removed(world: World) -> None:
    alice = browse(world.alice)
    page = text(alice.post(HERE, WINDOW, follow=True))
    assert "Saturday, Sunday 02:00 to 06:00, Europe/Berlin" in page
    row = MaintenanceWindow.objects.get(tenant=world.archipel)
    alice.post(f"{HERE}windows/{row.pk}/remove")
    assert not MaintenanceWindow.objects.exists()


def test_what_is_no_window_is_told_at_its_field(world: World) -> None:
    alice = browse(world.alice)
    wrong: tuple[dict[str, object], ...] = (
        {"end": "01:00"},
        {"time_zone": "Europe/Berln"},
        {"days": []},
        {"begin": "2 am"},
    )
    for fault in wrong:
        page = alice.post(HERE, {**WINDOW, **fault})
        assert page.status_code == 422, fault
        assert "One thing needs a change" in text(page)
    assert not MaintenanceWindow.objects.exists()


def test_upgrades_are_put_off_only_for_so_long(world: World) -> None:
    alice, now = browse(world.alice), utcnow()
    given = {"do": "exclusion", "zone": "UTC", "reason": "launch"}
    for first, last, status in ((1, 21, 302), (30, 50, 422)):
        begins, ends = (f"{now + timedelta(days=days):%Y-%m-%dT%H:%M}" for days in (first, last))
        given["begins_at"] = begins
        assert alice.post(HERE, {**given, "ends_at": ends}).status_code == status
    assert Exclusion.objects.count() == 1
    assert "must be a moment" in text(alice.post(HERE, {**given, "ends_at": "soon"}))
    assert "launch" in text(alice.get(HERE))


def test_a_window_that_may_not_be_moved_any_further_says_what_can_be_done(world: World) -> None:
    (runtime,) = fleet(world.shop, [world.landscape], 1)
    alice, now = browse(world.alice), utcnow()
    days = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
    for ahead in (3, 5):
        day = days[(now + timedelta(days=ahead)).weekday()]
        alice.post(HERE, {**WINDOW, "days": [day], "time_zone": "UTC"})
    assert "at most 30 days out of 90" in text(alice.get(HERE))
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    Target.objects.update(state="waiting", reason_code="window", reason="shut", due_at=now)
    PutOff.objects.create(
        target=Target.objects.get(),
        begins_at=now - timedelta(days=29),
        ends_at=now - timedelta(minutes=1),
        created_by="alice",
    )
    first = MaintenanceWindow.objects.order_by("pk")[0]
    page = alice.post(f"{HERE}windows/{first.pk}/remove", follow=True)
    assert "or upgrade now" in text(page)
    assert MaintenanceWindow.objects.count() == 2
    for address in (HERE, f"{HERE}?runtime={runtime.pk}"):
        told = text(alice.get(address))
        assert f"Windows moved while the upgrade of {runtime.name} waited" in told
        assert "counts up to then, or until it begins if that is sooner" in told
    alone = text(alice.get(f"{HERE}?runtime={runtime.pk}"))
    assert "Taken: 28 days 23 hours. Left: 1 day." in alone
    told = text(alice.get(HERE))
    assert f"Taken from {runtime.name}, which has the least left: 28 days 23 hours. Left: 1 day." in told
    assert RULE in told
    assert "What counts" not in text(browse(world.sam).get(HERE))


def test_exclusions_that_are_over_count_yet_as_the_page_says(world: World) -> None:
    now = utcnow()
    Exclusion.objects.create(
        tenant=world.archipel,
        begins_at=now - timedelta(days=9),
        ends_at=now - timedelta(days=8),
        reason="our fair",
    )
    told = text(browse(world.alice).get(HERE))
    assert "Excluded for runtimes to come: our fair" in told
    assert "Taken: 1 day. Left: 29 days." in told
    assert "our fair" not in text(browse(world.bob).get(HERE))


def test_a_planned_upgrade_stands_on_the_runtime_with_what_can_be_done(world: World) -> None:
    row = fleet(world.shop, [world.landscape], 2)[0]
    alice = browse(world.alice)
    assert "is planned" not in text(alice.get(f"/runtimes/{row.pk}/"))
    made = create_rollout(
        actor=world.sam.actor, name="Secret name", release=NEW, selector="all", plan=no_gates(1, "rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    page = text(alice.get(f"/runtimes/{row.pk}/"))
    assert f"An upgrade to release {NEW} is planned." in page
    assert "Upgrade now" in page
    assert "Secret name" not in page
    assert "Secret name" in text(browse(world.sam).get(f"/runtimes/{row.pk}/"))
    own = alice.post(HERE, {**WINDOW, "runtime": str(row.pk)}, follow=True)
    assert f"Maintenance of {row.name}" in text(own)
    assert MaintenanceWindow.objects.get().runtime_id == row.pk
    moment = utcnow() + timedelta(days=3)
    why = f"its maintenance window opens {moment:%a %d %b %H:%M} UTC"
    Target.objects.filter(runtime=row).update(
        state="waiting", reason_code="window", reason=why, reason_until=moment, due_at=moment
    )
    sam = browse(world.sam)
    for answer in (
        alice.get(f"/runtimes/{row.pk}/"),
        sam.get(f"/fleet/runtimes/{row.pk}/"),
        sam.get(f"/fleet/rollouts/{made.pk}/targets"),
    ):
        told = text(answer)
        assert why[1:] in told
        assert "until" not in told.partition(why[1:])[2][:60], "the moment is said once"
