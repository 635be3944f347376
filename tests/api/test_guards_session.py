"""Guards of a session: its key is new after signing in, worth nothing after signing out, and for the browser alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core.cache import cache
from django.test import Client

from tests.signed_in import present
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db
NAME = settings.SESSION_COOKIE_NAME


@pytest.fixture(autouse=True)
def nobody_failed_before() -> None:
    cache.clear()


def signed_in(world: World, client: Client) -> Client:
    present(world.alice)
    assert client.post("/sign-in", {"username": "alice", "password": PASSWORD}).status_code == 302
    return client


def inside(client: Client) -> bool:
    return client.get("/").status_code == 200


def holding(key: str) -> Client:
    client = Client()
    client.cookies[NAME] = key
    return client


def test_a_key_planted_before_signing_in_opens_nothing_afterwards(world: World) -> None:
    victim = Client()
    session = victim.session  # as an attacker would have it: begun, and given to the victim
    session["planted"] = "yes"
    session.save()
    planted = str(session.session_key)
    victim.cookies[NAME] = planted
    signed_in(world, victim)
    assert victim.cookies[NAME].value != planted
    assert not inside(holding(planted))
    assert inside(victim)


def test_a_key_of_the_attackers_own_making_is_not_taken_over(world: World) -> None:
    victim = holding("a" * 32)
    signed_in(world, victim)
    assert victim.cookies[NAME].value != "a" * 32
    assert not inside(holding("a" * 32))


def test_after_signing_out_a_kept_key_opens_nothing(world: World) -> None:
    client = signed_in(world, Client())
    kept = client.cookies[NAME].value
    client.post("/sign-out")
    assert not inside(holding(kept))
    assert not Session.objects.filter(session_key=kept).exists()


def test_nobody_is_signed_out_by_a_link(world: World) -> None:
    client = signed_in(world, Client())
    assert client.get("/sign-out").status_code == 405
    assert inside(client)


def test_scripts_and_other_sites_do_not_get_the_cookie(world: World) -> None:
    cookie = signed_in(world, Client()).cookies[NAME]
    assert (cookie["httponly"], cookie["samesite"], cookie["path"], cookie["domain"]) == (
        True,
        "Lax",
        "/",
        "",
    )


def test_outside_the_embedded_stack_cookies_travel_over_tls_only() -> None:
    ask = (
        "import json, django; django.setup(); from django.conf import settings as s;"
        "print(json.dumps([s.SESSION_COOKIE_SECURE, s.CSRF_COOKIE_SECURE, s.SESSION_COOKIE_HTTPONLY]))"
    )
    environment = {key: value for key, value in os.environ.items() if key != "EMBEDDED"}
    done = subprocess.run([sys.executable, "-c", ask], env=environment, capture_output=True, check=True)
    assert json.loads(done.stdout.splitlines()[-1]) == [True, True, True]
