"""The guard against open redirects: whatever `next` says, nobody is led to another site."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import pytest
from django.core.cache import cache
from django.test import Client

from controlplane.identity.models import ProviderDomain
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM, PlatformRole
from controlplane.tenants.services import create_user
from tests.identity_providers import register
from tests.signed_in import browse, present
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

ELSEWHERE = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "https:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    "\t//evil.example",
    "/\t/evil.example",
    "https://testserver@evil.example/",
    "https://testserver.evil.example/",
]


@pytest.fixture(autouse=True)
def nobody_failed_before() -> None:
    cache.clear()


def leads_home(answer: Any) -> bool:
    parts = urlsplit(answer["Location"])
    return answer.status_code == 302 and not parts.netloc and not parts.scheme and parts.path == "/"


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nobody_is_led_to_another_site(world: World, target: str) -> None:
    present(world.alice)
    form = {"username": "alice", "password": PASSWORD}
    assert leads_home(Client().post("/sign-in", {**form, "next": target}))
    assert leads_home(Client().post("/sign-in", form, query_params={"next": target}))
    inside = browse(world.alice)
    assert leads_home(inside.get("/sign-in", {"next": target}))
    assert leads_home(inside.post("/theme", {"theme": "dark", "next": target}))


@pytest.mark.parametrize("target", ELSEWHERE)
def test_nor_on_the_way_to_a_provider_nor_when_support_opens_a_tenant(world: World, target: str) -> None:
    provider = register("https://idp.archipel.example", world.archipel, domains=("archipel.example",))
    ProviderDomain.objects.update(confirmed_at=utcnow())
    onward = Client().post("/sign-in/company", {"email": "ada@archipel.example", "next": target})
    assert f'href="/sign-in/with/{provider.id}?next=%2F"' in onward.content.decode()
    user = create_user(actor=SYSTEM, username="susi", password=PASSWORD, platform_role=PlatformRole.SUPPORT)
    susi = Client()
    susi.force_login(user)
    wish = {"tenant": "archipel", "reason": "ticket 4711", "next": target}
    assert leads_home(susi.post("/open-tenant", wish))


def test_a_page_of_our_own_is_gone_on_to(world: World) -> None:
    present(world.alice)
    form = {"username": "alice", "password": PASSWORD, "next": "/accounts/?q=1"}
    assert Client().post("/sign-in", form)["Location"] == "/accounts/?q=1"


@pytest.mark.parametrize("path", ["//evil.example/", "//evil.example/..", "/%2F/evil.example/"])
def test_no_address_with_a_slash_too_many_leads_away(path: str) -> None:
    answer = Client().generic("GET", path)
    assert not urlsplit(answer.get("Location", "")).netloc
