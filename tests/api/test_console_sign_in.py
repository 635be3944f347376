"""Who gets into the console, and where they land."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.core.cache import cache
from django.test import Client, override_settings

from controlplane.tenants.models import AuditEvent
from tests.signed_in import browse, build, present, text
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_failed_before() -> None:
    cache.clear()


def sign_in(client: Client, password: str = PASSWORD, **more: str) -> Any:
    return client.post("/sign-in", {"username": "alice", "password": password, **more})


def test_a_stranger_is_asked_to_sign_in_and_then_sees_what_they_asked_for(world: World) -> None:
    present(world.alice)
    client = Client()
    first = client.get("/accounts/")
    assert first.status_code == 302
    assert first["Location"] == "/sign-in?next=%2Faccounts%2F"
    assert sign_in(client, next="/accounts/")["Location"] == "/accounts/"
    assert "Accounts" in text(client.get("/accounts/"))


@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "javascript:alert(1)", "\\\\evil.example"]
)
def test_nobody_is_led_to_another_site_after_signing_in(world: World, target: str) -> None:
    present(world.alice)
    assert sign_in(Client(), next=target)["Location"] == "/"


def test_a_wrong_password_is_told_without_saying_which_part_was_wrong(world: World) -> None:
    present(world.alice)
    wrong = sign_in(Client(), "wrong")
    unknown = Client().post("/sign-in", {"username": "nobody", "password": "wrong"})
    assert wrong.status_code == unknown.status_code == 422
    assert "User name or password is wrong." in text(wrong)
    assert "User name or password is wrong." in text(unknown)
    assert 'value="alice"' in wrong.content.decode()


def test_after_ten_wrong_passwords_even_the_right_one_has_to_wait(world: World) -> None:
    present(world.alice)
    client = Client()
    for _ in range(10):
        sign_in(client, "wrong")
    answer = sign_in(client)
    assert answer.status_code == 422
    assert "Wait five minutes" in text(answer)


GUESS = {"username": "alice", "password": "wrong"}


def fail_from_everywhere(username: str, times: int) -> None:
    for number in range(times):
        Client(REMOTE_ADDR=f"198.51.100.{number}").post("/sign-in", {**GUESS, "username": username})


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_guessing_one_name_from_many_addresses_gets_slow_whether_or_not_somebody_has_it(
    world: World, username: str
) -> None:
    present(world.alice)
    fail_from_everywhere(username, 20)
    answer = sign_in(Client(REMOTE_ADDR="203.0.113.9"), username=username)
    assert answer.status_code == 422
    assert "Wait five minutes" in text(answer)


def test_a_person_still_gets_in_where_they_were_before_while_others_fail_in_their_name(world: World) -> None:
    present(world.alice)
    at_home = Client(REMOTE_ADDR="203.0.113.9")
    sign_in(at_home)
    fail_from_everywhere("alice", 25)
    assert sign_in(at_home).status_code == 302


def test_the_pause_grows_with_failures_and_ends_after_five_minutes_at_most(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    present(world.alice)
    now = time.time()
    clock = [now]
    monkeypatch.setattr(time, "time", lambda: clock[0])
    fail_from_everywhere("alice", 20)
    clock[0] += 2
    stranger = Client(REMOTE_ADDR="203.0.113.9")
    assert sign_in(stranger).status_code == 302
    for number in range(30):  # one more failure after each pause
        Client(REMOTE_ADDR=f"203.0.113.{100 + number}").post("/sign-in", GUESS)
        clock[0] += 301
    Client(REMOTE_ADDR="203.0.113.200").post("/sign-in", GUESS)
    assert "Wait five minutes" in text(sign_in(Client(REMOTE_ADDR="203.0.113.10")))
    clock[0] += 301
    assert sign_in(Client(REMOTE_ADDR="203.0.113.10")).status_code == 302


def test_trying_many_names_from_one_address_ends_too(world: World) -> None:
    present(world.alice)
    client = Client()
    for number in range(100):
        client.post("/sign-in", {"username": f"name-{number}", "password": "wrong"})
    assert "Wait five minutes" in text(sign_in(client))


@pytest.mark.parametrize("username", ["alice", "nobody"])
def test_a_name_that_nobody_has_costs_as_much_time_as_one_that_somebody_has(
    world: World, monkeypatch: pytest.MonkeyPatch, username: str
) -> None:
    present(world.alice)
    hashed: list[str] = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    Client().post("/sign-in", {"username": username, "password": "wrong"})
    assert hashed == ["wrong"]


@override_settings(PASSWORD_SIGN_IN=False)
def test_where_passwords_are_off_the_page_says_what_to_do_and_no_password_is_taken(world: World) -> None:
    present(world.alice)
    client = Client()
    page = client.get("/sign-in")
    assert "Nobody signs in with a password here." in text(page)
    assert 'type="password"' not in page.content.decode()
    assert sign_in(client).status_code == 403
    assert client.get("/").status_code == 302


@pytest.mark.parametrize(("environment", "taken"), [("true", "True"), ("false", "False")])
def test_passwords_are_for_the_embedded_default_unless_the_setting_says_so(
    environment: str, taken: str
) -> None:
    program = "from controlplane.config import settings; print(settings.PASSWORD_SIGN_IN)"
    command = [sys.executable, "-c", program]
    inherited = {name: value for name, value in os.environ.items() if name != "PASSWORD_SIGN_IN"}
    done = subprocess.run(
        command, env={**inherited, "EMBEDDED": environment}, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == taken


def test_an_empty_form_says_what_to_enter(db: None) -> None:
    assert "Enter your user name and your password." in text(Client().post("/sign-in", {}))


def test_a_name_with_a_nul_character_is_refused_like_any_other(db: None) -> None:
    answer = Client().post("/sign-in", {"username": "a\0lice", "password": "x\0"})
    assert answer.status_code == 422


def test_signing_out_ends_the_session_and_needs_a_post(world: World) -> None:
    client = browse(world.alice)
    assert client.get("/sign-out").status_code == 405
    assert client.post("/sign-out")["Location"] == "/sign-in"
    assert client.get("/").status_code == 302


def test_signing_out_leaves_a_trace_as_signing_in_does(world: World) -> None:
    client = Client()
    client.post("/sign-in", {"username": world.alice.user.username, "password": PASSWORD})
    client.post("/sign-out")
    client.post("/sign-out")  # nothing is left to be ended
    trail = AuditEvent.objects.filter(target_id=str(world.alice.user.pk), action__startswith="session.")
    assert list(trail.order_by("id").values_list("action", "actor")) == [
        ("session.begin", world.alice.user.username),
        ("session.end", world.alice.user.username),
    ]


def test_a_poll_after_signing_out_sends_the_whole_page_to_the_sign_in(world: World) -> None:
    answer = Client().get("/runtimes/live", headers={"HX-Request": "true"})
    assert answer["HX-Redirect"] == "/sign-in"


def test_a_person_without_a_tenant_is_told_whom_to_ask(world: World) -> None:
    from controlplane.tenants.access import SYSTEM
    from controlplane.tenants.services import create_user

    loner = create_user(actor=SYSTEM, username="loner", password=PASSWORD)
    client = Client()
    client.force_login(loner)
    answer = client.get("/")
    assert answer.status_code == 403
    assert "You belong to no tenant yet" in text(answer)


def test_a_person_in_two_tenants_picks_the_one_to_work_in(world: World) -> None:
    from controlplane.tenants.access import SYSTEM, Role
    from controlplane.tenants.services import add_member

    build(world, "of-archipel")
    add_member(actor=SYSTEM, tenant=world.basalt, user=world.alice.user, role=Role.VIEWER)
    client = browse(world.alice)
    assert "of-archipel" in text(client.get("/"))
    client.post("/tenant", {"tenant": "basalt"})
    page = text(client.get("/"))
    assert "of-archipel" not in page
    assert "Your role, viewer, may look but not request." in page


def test_nobody_picks_a_tenant_they_do_not_belong_to(world: World) -> None:
    present(world.basalt)
    client = browse(world.alice)
    client.post("/tenant", {"tenant": "basalt"})
    assert "Managed Kubernetes clusters of Archipel." in text(client.get("/"))


def test_the_chosen_look_is_remembered(world: World) -> None:
    client = browse(world.alice)
    client.post("/theme", {"theme": "dark", "next": "/"})
    assert '<html lang="en" data-theme="dark">' in client.get("/").content.decode()
    client.post("/theme", {"theme": '"><script>', "next": "/"})
    assert "data-theme=" not in client.get("/").content.decode()[:200]


def test_a_form_without_its_token_gets_a_page_that_says_what_to_do(world: World) -> None:
    client = Client(enforce_csrf_checks=True)
    answer = client.post("/sign-in", {"username": "alice", "password": PASSWORD})
    assert answer.status_code == 403
    assert "This form has expired" in text(answer)


def test_an_unknown_address_gets_a_page_in_the_console_s_style(world: World) -> None:
    answer = browse(world.alice).get("/nowhere")
    assert answer.status_code == 404
    assert "No island here" in text(answer)
