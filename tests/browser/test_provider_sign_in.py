"""Signing in with a company's provider, as a person does it; the pages around it in every look."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import cache
from playwright.sync_api import expect

from controlplane.identity.models import IdentityProvider
from controlplane.identity.providers import confirm_domain
from tests.browser.axe import violations
from tests.browser.conftest import Complaints, Open
from tests.identity_providers import OPERATOR, allow, introduce, real_provider, register
from tests.signed_in import present
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with real_provider() as running:
        yield running


@pytest.fixture
def provider(world: World, settings: Any, issuer: str) -> IdentityProvider:
    cache.clear()
    allow(settings, issuer)
    introduce(issuer, "ada", email="ada@archipel.example", email_verified=True, groups=["ops"])
    found = register(issuer, world.archipel, domains=["archipel.example", "archipel.test"])
    confirm_domain(actor=OPERATOR, provider_id=found.id, domain="archipel.example")
    return found


def forget_the_providers_own_page(complaints: Complaints) -> None:
    """It asks another site for its style and has no icon, which is not ours to judge."""
    complaints.found = [
        entry for entry in complaints.found if not re.search("ERR_NAME_NOT_RESOLVED|status of 404", entry)
    ]


def test_an_address_leads_to_the_provider_and_back_and_out_again(
    provider: IdentityProvider, open_page: Open, complaints: Complaints
) -> None:
    page = open_page("/accounts/")
    page.get_by_label("Your work e-mail").fill("ada@archipel.example")
    page.get_by_role("button", name="Continue").click()
    page.get_by_placeholder("sub").fill("ada")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="Accounts", exact=True)).to_be_visible()
    page.locator("[data-menu] summary").click()
    page.get_by_role("link", name="Sessions").click()
    expect(page.get_by_text("with Archipel SSO")).to_be_visible()
    page.locator("[data-menu] summary").click()
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("link", name="Sign out of Archipel SSO too")).to_be_visible()
    assert violations(page) == []
    forget_the_providers_own_page(complaints)


def test_somebody_without_a_role_reads_whom_to_ask(
    provider: IdentityProvider, issuer: str, open_page: Open, complaints: Complaints
) -> None:
    complaints.expected.add(403)
    introduce(issuer, "eve", email="eve@archipel.example", groups=[])
    page = open_page(f"/sign-in/with/{provider.id}")
    page.get_by_placeholder("sub").fill("eve")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_role("heading", name="You are not signed in")).to_be_visible()
    expect(page.get_by_text("Ask an admin of Archipel.")).to_be_visible()
    assert violations(page) == []
    forget_the_providers_own_page(complaints)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 390)])
def test_axe_finds_nothing_on_the_pages_around_it_and_none_is_too_wide(
    world: World, provider: IdentityProvider, open_page: Open, scheme: str, width: int
) -> None:
    present(world.vera)
    stranger = open_page("/sign-in", scheme=scheme, width=width)
    assert violations(stranger) == []
    page = open_page("/", user="alice", scheme=scheme, width=width)
    for path in (
        "/sessions/",
        f"/members/{world.vera.user.pk}/sessions",
        "/identity/",
        "/identity/new",
        f"/identity/{provider.id}/",
        f"/identity/{provider.id}/remove",
    ):
        page.goto(path)
        assert violations(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, path
