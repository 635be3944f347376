"""The page Maintenance with all that it can have, on a phone and with something wrong in its form."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from provisioner.rollouts.models import PutOff, Target
from provisioner.rollouts.services import Owner, add_window, create_rollout, start_rollout
from tests.browser.axe import violations
from tests.browser.conftest import Complaints, Open
from tests.browser.fitting import faults
from tests.rolling_out import NEW, fleet, no_gates
from tests.signed_in import present
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def moved_windows(world: World) -> None:
    """A window, and two runtimes whose upgrades it puts off."""
    present(world.alice)
    fleet(world.shop, [world.landscape], 2)
    add_window(
        actor=world.alice.actor, owner=Owner(tenant_id=world.archipel.pk), days=["sun"], begin="02:00", end="06:00",
        time_zone="America/Argentina/ComodRivadavia",
    )  # fmt: skip
    made = create_rollout(
        actor=world.sam.actor, name="October", release=NEW, selector="all", plan=no_gates("rest")
    )
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    now = utcnow()
    Target.objects.update(state="waiting", reason_code="window", reason="shut", due_at=now)
    span = {"begins_at": now - timedelta(days=1), "ends_at": now + timedelta(days=1), "created_by": "alice"}
    PutOff.objects.bulk_create(PutOff(target=one, **span) for one in Target.objects.all())


def test_what_counts_of_moved_windows_is_read_on_a_phone(world: World, open_page: Open) -> None:
    moved_windows(world)
    page = open_page("/maintenance/", user="alice", width=390, scheme="dark")
    page.get_by_text("Windows moved while upgrades of 2 runtimes waited").wait_for()
    assert violations(page) + faults(page) == []


def test_what_is_wrong_stands_apart_from_what_is_below_it(
    world: World, open_page: Open, complaints: Complaints
) -> None:
    complaints.expected.add(422)
    page = open_page("/maintenance/", user="alice")
    for day in ("Sat", "Sun"):
        page.get_by_label(day, exact=True).uncheck()
    page.get_by_role("button", name="Add the window").click()
    wrong = page.get_by_role("alert").filter(has_text="Name at least one day of the week.").bounding_box()
    below = (
        page.get_by_role("heading", name="Windows of the week")
        .locator("xpath=ancestor::section")
        .bounding_box()
    )
    assert wrong
    assert below
    assert wrong["y"] + wrong["height"] + 8 <= below["y"]
