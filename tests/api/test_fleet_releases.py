"""The releases' pages: what stands there is counted, and what is pressed is asked first and refused as the API refuses it."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.catalog.facts import snapshot
from controlplane.catalog.models import Release
from controlplane.catalog.releasing import point_channel
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import create_user
from provisioner.rollouts.services import create_rollout
from provisioner.runtimes.models import Runtime
from tests.rolling_out import NEW, OLD, fleet, no_gates
from tests.signed_in import browse, present, text
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db
HERE, DRAFT = "/fleet/releases", "2026.12.1"


@pytest.fixture
def sre(world: World) -> Client:
    return browse(world.sam)


def test_a_release_is_published_a_channel_pointed_there_and_the_old_one_withdrawn(
    world: World, sre: Client
) -> None:
    asked = text(sre.get(f"{HERE}/{DRAFT}/publish"))
    assert "Publish release 2026.12.1?" in asked
    assert "eventing 2.12.3 2.12.4" in asked, "what it changes stands where it is asked"
    assert "Machine image" not in asked, "and nothing that stays"
    assert "allow TLS 1.2 first" in asked
    done = sre.post(f"{HERE}/{DRAFT}/publish", follow=True)
    assert "Release 2026.12.1 is published." in text(done)
    assert "is published already" in text(sre.post(f"{HERE}/{DRAFT}/publish"))
    where = "/fleet/channels/fast"
    assert f'value="{DRAFT}" selected' in sre.get(f"{where}?release={DRAFT}").content.decode()
    moved = sre.post(where, {"release": DRAFT}, follow=True)
    assert moved.redirect_chain == [(f"{HERE}/{DRAFT}/", 302)]
    assert snapshot().releases["fast"].key == DRAFT
    assert "channel=fast" in text(moved)
    assert "Say in a sentence why" in text(sre.post(f"{HERE}/2026.11.1/withdraw", {"reason": " "}))
    gone = sre.post(f"{HERE}/2026.11.1/withdraw", {"reason": "nodes lose their network"}, follow=True)
    assert "Withdrawn: nodes lose their network." in text(gone)
    assert Release.objects.get(pk="2026.11.1").withdrawn_at


def test_what_can_not_be_is_refused_in_the_form(world: World, sre: Client) -> None:
    refusals = [
        (f"{HERE}/{DRAFT}/withdraw", {"reason": "x"}, 422, "is a draft"),
        (f"{HERE}/{NEW}/withdraw", {"reason": "x"}, 422, "Channel regular points to release"),
        (f"{HERE}/{OLD}/publish", {}, 422, "is published already"),
        ("/fleet/channels/regular", {"release": DRAFT}, 422, "is a draft; point the channel"),
        ("/fleet/channels/regular", {"release": "2026.13.1"}, 422, "Choose one of the releases"),
        ("/fleet/channels/regular", {}, 302, ""),
        ("/fleet/channels/regulra", {"release": NEW}, 404, "Did you mean regular?"),
        (f"{HERE}/2026.10.11/publish", {}, 404, "Did you mean 2026.10.1?"),
    ]
    for path, body, status, told in refusals:
        page = sre.post(path, body)
        assert (page.status_code, told in text(page)) == (status, True), (path, body, text(page))
    assert sre.get(f"{HERE}/2026.10.11/").status_code == 404


def test_who_runs_follows_and_is_pinned_is_counted_and_leads_to_the_runtimes(
    world: World, sre: Client
) -> None:
    first = fleet(world.shop, [world.landscape], 3)[0]
    Runtime.objects.filter(pk=first.pk).update(pinned=OLD)
    create_rollout(
        actor=world.sam.actor,
        name="October",
        release=NEW,
        selector="all",
        plan={**no_gates("rest"), "ineligible": "leave"},
    )
    listed = text(sre.get(HERE))
    assert "regular points to 2026.10.1 3 runtimes on it" in listed
    page = text(sre.get(f"{HERE}/{OLD}/"))
    assert "3 runtimes" in page
    assert "1 runtime kept on it by a pin" in page
    assert "to be passed on the way to" not in page.lower()
    assert "October" in text(sre.get(f"{HERE}/{NEW}/"))
    assert "2026.12.1" in text(sre.get(f"{HERE}/{NEW}/")), "what requires it"
    found = text(sre.get(f"/fleet/runtimes?pinned={OLD}"))
    assert first.name in found
    assert "r-shop-00001" not in found
    assert "r-shop-00001" in text(sre.get("/fleet/runtimes?channel=regular"))
    assert "Nothing matches" in text(sre.get("/fleet/runtimes?channel=fast"))


def test_a_page_asks_as_much_of_many_runtimes_as_of_few(world: World, sre: Client) -> None:
    def asked() -> list[int]:
        counts = []
        for path in (HERE, f"{HERE}/{OLD}/", "/fleet/channels/regular"):
            with CaptureQueriesContext(connection) as caught:
                assert sre.get(path).status_code == 200
            counts.append(len(caught))
        return counts

    fleet(world.shop, [world.landscape], 2)
    asked()
    few = asked()
    fleet(world.lab, [world.landscape], 40, pinned=OLD, phase="failed")
    assert asked() == few


def test_who_is_pinned_is_found_by_an_index_of_few(world: World) -> None:
    present(world.landscape)
    fleet(world.shop, [world.landscape], 60)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE runtimes_runtime")
        cursor.execute("SET LOCAL enable_seqscan = off")
        found = Runtime.objects.filter(pinned=OLD, deleted_at__isnull=True).order_by()
        assert "runtime_by_pin" in found.explain()


def test_an_end_that_is_near_is_said_while_somebody_runs_it(world: World, sre: Client) -> None:
    fleet(world.shop, [world.landscape], 1)
    point_channel(actor=world.sam.actor, key="fast", release=NEW)
    line = next(one for one in sre.get(HERE).context["lines"] if one.release.key == OLD)
    assert line.left == (line.release.end_of_life - line.release.published_at.date()).days
    assert line.pressing == (line.left <= 60)


def test_drafts_and_buttons_are_for_those_who_publish(world: World) -> None:
    fiona = Client()
    fiona.force_login(
        create_user(actor=SYSTEM, username="fiona", password=PASSWORD, platform_role=PlatformRole.FINOPS)
    )
    page = text(fiona.get(HERE))
    assert DRAFT not in page
    assert "Point elsewhere" not in page
    told = fiona.get(f"{HERE}/{DRAFT}/")
    assert told.status_code == 404
    assert "Did you mean 2026.12.1?" not in text(told)
    assert "Withdraw" not in text(fiona.get(f"{HERE}/{OLD}/"))
    assert fiona.get(f"{HERE}/{OLD}/withdraw").status_code == 403
