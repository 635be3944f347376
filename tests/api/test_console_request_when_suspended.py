"""Where a tenant or all its accounts are suspended, no page invites to request a runtime; each says why, and whom to ask."""

from __future__ import annotations

import pytest
from django.utils.timezone import now

from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.models import Account, State, Tenant
from provisioner.lifecycle.models import Standing
from provisioner.lifecycle.tenants import suspend_account, suspend_tenant
from tests.signed_in import browse, build, present, text
from tests.world import World

pytestmark = pytest.mark.django_db
PAULA = Actor("paula", platform_role=PlatformRole.ADMIN)
PAGES = ("/", "/runtimes/new", "/runtimes/new?plan=aws")


def said_everywhere(world: World, sentence: str) -> None:
    alice = browse(world.alice)
    for address in PAGES:
        page = alice.get(address)
        assert sentence in text(page), address
        assert 'href="/runtimes/new' not in page.content.decode(), address


def test_a_suspended_tenant_is_told_why_and_whom_to_ask(world: World) -> None:
    present(world.shop)
    suspend_tenant(actor=PAULA, tenant_id=world.archipel.id, reason="payment")
    said_everywhere(
        world,
        "Archipel is suspended because of payment, so nothing new begins. Contact support to resume it.",
    )


def test_a_list_with_runtimes_says_it_too(world: World) -> None:
    build(world)
    Tenant.objects.update(state=State.SUSPENDED)
    said_everywhere(world, "Archipel is suspended, so nothing new begins. Contact support to resume it.")


def test_a_tenant_that_is_about_to_be_deleted_is_sent_to_its_owner(world: World) -> None:
    present(world.shop)
    Tenant.objects.update(state=State.SUSPENDED)
    Standing.objects.create(tenant=world.archipel, by="olga", since=now(), delete_after=now())
    said_everywhere(
        world,
        "Archipel is about to be deleted, so nothing new begins. An owner of it can undo the deletion.",
    )


def test_where_every_account_is_suspended_nothing_can_be_requested(world: World) -> None:
    present(world.lab, world.shop)
    for account in Account.objects.all():
        suspend_account(actor=world.alice.actor, account_id=account.id)
    said_everywhere(world, "Every account of Archipel is suspended, so nothing new begins.")


def test_where_there_is_no_account_an_admin_is_named(world: World) -> None:
    Account.objects.all().delete()
    said_everywhere(world, "A runtime belongs to an account, and Archipel has none.")


def test_one_account_that_works_is_offered_and_the_others_are_named(world: World) -> None:
    present(world.lab, world.shop)
    suspend_account(actor=world.alice.actor, account_id=world.lab.id)
    alice = browse(world.alice)
    assert "Request your first runtime" in text(alice.get("/"))
    form = alice.get("/runtimes/new?plan=aws")
    assert '<option value="lab"' not in form.content.decode()
    assert "Not offered, because suspended: lab." in text(form)


def test_a_viewer_is_told_of_the_role_and_not_of_accounts(world: World) -> None:
    page = text(browse(world.vera).get("/"))
    assert "may look but not request" in page
    assert "belongs to an account" not in page
