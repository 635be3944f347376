"""Samples that were put aside, in the console: by reason, beside what stands, and SREs say which of the two counts."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from billing.usage.models import Quarantined, Source
from controlplane.console import queries
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import create_user
from tests.signed_in import text
from tests.usage import HOUR, LARGE, begin, live, morning, send, sight, slots
from tests.world import World

pytestmark = pytest.mark.django_db
TEN = morning()
LIST = "console:fleet-quarantine"


@pytest.fixture
def source() -> Source:
    """A runtime of which one slot was told twice, and one outside of its life."""
    begin(TEN)
    source = live(TEN - HOUR)
    send([sight(source, slot) for slot in slots(TEN, 3)])
    send([sight(source, TEN, levels=LARGE), sight(source, TEN - 3 * HOUR)])
    return source


def signed_in(role: PlatformRole) -> Client:
    client = Client()
    client.force_login(
        create_user(actor=SYSTEM, username=f"p-{role}", password="correct horse battery", platform_role=role)
    )
    return client


def test_without_any_the_page_says_what_would_wait_there(world: World) -> None:
    found = text(signed_in(PlatformRole.SRE).get(reverse(LIST)))
    assert "Nothing was put aside" in found
    assert "contradicts another" in found


def test_samples_are_counted_by_reason_and_listed_by_it(world: World, source: Source) -> None:
    sre = signed_in(PlatformRole.SRE)
    found = text(sre.get(reverse(LIST)))
    assert "Two readings of one slot" in found
    assert "Outside of a life" in found
    narrowed = sre.get(reverse(LIST), {"reason": "conflict"}).content.decode()
    assert narrowed.count("/fleet/quarantine/") == 1
    # A reason that nobody knows narrows nothing.
    assert sre.get(reverse(LIST), {"reason": "'; --"}).content.decode().count("/fleet/quarantine/") == 2


def test_both_readings_stand_side_by_side_and_one_is_accepted(world: World, source: Source) -> None:
    sre = signed_in(PlatformRole.SRE)
    row = Quarantined.objects.get(reason="conflict")
    address = reverse("console:fleet-quarantined", args=[row.pk])
    shown = text(sre.get(address))
    assert "the collector" in shown
    assert "4,000 8,000 differs" in shown
    refused = sre.post(address, {"do": "accept", "reason": " "})
    assert refused.status_code == 422
    assert "must say why this reading of the slot stands" in text(refused)
    assert sre.post(address, {"do": "burn", "reason": "x"}).status_code == 422
    assert sre.post(address, {"do": "accept", "reason": "The agent is right"}).status_code == 302
    row.refresh_from_db()
    assert (row.decision, row.decided_why) == ("accepted", "The agent is right")
    # The other reading waits in its turn; the decided one shows on request.
    assert Quarantined.objects.get(reason="replaced").decision == ""
    assert "The agent is right" not in text(sre.get(reverse(LIST)))
    assert "The agent is right" in text(sre.get(reverse(LIST), {"show": "all"}))
    assert "Which of them counts?" not in text(sre.get(address))


def test_what_was_outside_of_a_life_is_only_kept_out(world: World, source: Source) -> None:
    sre = signed_in(PlatformRole.SRE)
    row = Quarantined.objects.get(reason="outside_life")
    address = reverse("console:fleet-quarantined", args=[row.pk])
    shown = sre.get(address)
    assert "Accept it" not in text(shown)
    assert "Nothing stands in this slot" in text(shown)
    assert sre.post(address, {"do": "accept", "reason": "x"}).status_code == 422
    assert sre.post(address, {"do": "dismiss", "reason": "x"}).status_code == 302


def test_finops_looks_and_decides_nothing(world: World, source: Source) -> None:
    finops = signed_in(PlatformRole.FINOPS)
    row = Quarantined.objects.get(reason="conflict")
    address = reverse("console:fleet-quarantined", args=[row.pk])
    shown = text(finops.get(address))
    assert "An SRE of the platform decides" in shown
    assert "Accept it" not in shown
    assert finops.post(address, {"do": "dismiss", "reason": "x"}).status_code == 403
    row.refresh_from_db()
    assert row.decision == ""


def test_pages_go_by_key(world: World, source: Source, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    send([sight(source, TEN + number * timedelta(minutes=5), levels=LARGE) for number in (1, 2)])
    sre = signed_in(PlatformRole.SRE)
    first = sre.get(reverse(LIST))
    older = first.context["older"]
    second = sre.get(f"{reverse(LIST)}?{older}")
    assert [len(page.context["rows"]) for page in (first, second)] == [2, 2]
    assert not second.context["older"]
    seen = {row.pk for page in (first, second) for row, *_ in page.context["rows"]}
    assert len(seen) == Quarantined.objects.count() == 4
