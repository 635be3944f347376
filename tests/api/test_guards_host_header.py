"""The guard of the Host header: a host that is not ours is answered nothing, and no message carries one."""

from __future__ import annotations

import pytest
from django.test import Client, override_settings

from tests.api.asking import Asking
from tests.api.test_trials import WISH as TRIAL
from tests.trialling import letters
from tests.world import World

pytestmark = pytest.mark.django_db

EVIL = "evil.example"


@pytest.mark.parametrize("path", ["/", "/sign-in", "/trial", "/api/v1/", "/api/v1/me", "/osb/v2/catalog"])
@pytest.mark.parametrize(
    "host", [EVIL, "testserver.evil.example", "testserver@evil.example", "evil.example:80"]
)
def test_a_host_that_is_not_ours_is_refused_on_every_face(path: str, host: str) -> None:
    answer = Client().get(path, headers={"Host": host})
    assert answer.status_code == 400
    assert EVIL not in answer.content.decode().replace(f'"{host}"', "")


def test_what_a_proxy_claims_about_the_host_does_not_count(world: World) -> None:
    headers = {"X-Forwarded-Host": EVIL, "Forwarded": f"host={EVIL}", "X-Host": EVIL}
    answer = Client(headers=headers).get("/api/v1/")
    assert answer.status_code == 200
    assert EVIL not in answer.content.decode()


@override_settings(PUBLIC_URL="https://nesoi.example.com", ALLOWED_HOSTS=["*"])
def test_links_in_messages_begin_with_the_public_address_whatever_host_was_asked(world: World) -> None:
    nora = {"email": "nora@example.org", "role": "viewer"}
    assert Asking(world.alice).post("/invitations", nora, Host=EVIL).status_code == 201
    assert Asking().post("/trials", TRIAL, Host=EVIL).status_code == 202
    told = [context for _kind, context in letters()]
    assert len(told) == 2
    assert {context["link"].split("/", 3)[2] for context in told} == {"nesoi.example.com"}
    assert EVIL not in str(told)
