"""Pages: quota with its bars and its queue, and how tenants and accounts stand."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.catalog.models import Entitlement, QuotaRequest
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.models import Account, State
from controlplane.tenants.services import create_user
from tests.signed_in import browse, build, present, text
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db


@pytest.fixture
def paula(world: World) -> Client:
    client = Client()
    client.force_login(
        create_user(actor=SYSTEM, username="paula", password=PASSWORD, platform_role=PlatformRole.ADMIN)
    )
    return client


def test_used_and_granted_stand_in_words_and_bars(world: World) -> None:
    build(world)
    Entitlement.objects.create(tenant=world.archipel, plan="", runtimes=1, granted_by="test")
    page = browse(world.vera).get("/quota/")
    assert "1 of 1 full" in text(page)
    assert b'<progress max="100" value="100" aria-label="Runtimes used">' in page.content
    assert "Ask for more" not in text(page)


def test_a_request_is_sent_answered_and_read(world: World, paula: Client) -> None:
    alice = browse(world.alice)
    sent = alice.post("/quota/", {"plan": "", "runtimes": "900", "reason": "The peak season."})
    assert sent.status_code == 302
    assert "900 runtimes" in text(paula.get("/fleet/quota"))
    row = QuotaRequest.objects.get()
    assert (
        paula.post(f"/fleet/quota/{row.id}", {"verb": "approve", "reason": "Good luck."}).status_code == 302
    )
    shown = text(alice.get("/quota/"))
    assert "0 of 900" in shown
    assert "Approved" in shown
    assert "Good luck." in shown


def test_what_is_wrong_with_a_request_is_said_beside_its_field(world: World) -> None:
    alice = browse(world.alice)
    page = alice.post("/quota/", {"plan": "", "runtimes": "many", "reason": "Because."})
    assert page.status_code == 422
    assert "“Runtimes” must be a whole number" in text(page)
    assert not QuotaRequest.objects.exists()


def test_an_account_is_suspended_and_resumed_on_its_page(world: World) -> None:
    present(world.shop)
    alice, address = browse(world.alice), f"/standing/account/{world.shop.id}"
    assert alice.post(address, {"do": "suspend", "reason": "wish", "note": "Holidays."}).status_code == 302
    assert "Holidays." in text(alice.get(address))
    assert Account.objects.get(pk=world.shop.pk).state == State.SUSPENDED
    assert alice.post(address, {"do": "resume"}).status_code == 302
    assert Account.objects.get(pk=world.shop.pk).state == State.ACTIVE


def test_a_deletion_wants_the_slug_and_can_be_undone(world: World) -> None:
    alice, address = browse(world.alice), f"/standing/account/{world.shop.id}"
    assert alice.post(address, {"do": "delete", "confirm": "lab"}).status_code == 422
    assert alice.post(address, {"do": "delete", "confirm": "shop"}).status_code == 302
    assert "Keep Shop" in text(alice.get(address))
    assert alice.post(address, {"do": "keep"}).status_code == 302
    assert "Active" in text(alice.get(address))


def test_a_platform_admin_suspends_a_tenant(world: World, paula: Client) -> None:
    address = f"/standing/tenant/{world.archipel.id}"
    assert (
        paula.post(address, {"do": "suspend", "reason": "payment", "note": "Invoice 4711."}).status_code
        == 302
    )
    assert "Suspended because of payment" in text(paula.get(address))
    assert "Invoice 4711." in text(browse(world.alice).get(address))
    assert browse(world.alice).post(address, {"do": "resume"}).status_code == 403


def test_every_page_tells_a_suspended_tenants_people(world: World, paula: Client) -> None:
    present(world.vera)
    vera, here = browse(world.vera), f"/standing/tenant/{world.archipel.id}"
    assert "is suspended" not in text(vera.get("/"))
    paula.post(here, {"do": "suspend", "reason": "payment", "note": "Invoice 7"})
    for path in ("/", "/team/", "/quota/"):
        page = vera.get(path)
        assert "Archipel is suspended." in text(page), path
        assert f'href="{here}"' in page.content.decode()
    assert "Invoice 7" in text(vera.get(here))


def test_a_platform_admin_grants_quota_on_the_tenants_page(world: World, paula: Client) -> None:
    build(world)
    address = f"/fleet/quota/tenants/{world.archipel.id}"
    assert address in paula.get(f"/quota/?tenant={world.archipel.slug}").content.decode()
    assert "nothing new begins, grows or resumes" in text(paula.get(address))
    sent = paula.post(address, {"plan": "", "runtimes": "0", "vcpu": "none", "reason": "They owe us."})
    assert sent.status_code == 302
    row = Entitlement.objects.get(tenant=world.archipel)
    assert (row.plan, row.runtimes, row.vcpu, row.granted_by) == ("", 0, None, "paula")
    assert "1 of 0 full" in text(paula.get(address))
    wrong = paula.post(address, {"plan": "aws", "runtimes": "many", "reason": ""})
    assert wrong.status_code == 422
    assert "whole number" in text(wrong)
    alice = browse(world.alice)
    assert alice.get(address).status_code == 403
    assert "Change what is granted" not in text(alice.get("/quota/"))
