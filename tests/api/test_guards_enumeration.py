"""The guard against finding out who is known here: the same answer for the same work, counted in statements and in hashes."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from difflib import unified_diff
from typing import Any

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher, make_password
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.models import User
from controlplane.tenants.services import add_member, create_user
from tests.api.asking import Asking, read
from tests.signed_in import present
from tests.trialling import trial_of, try_out
from tests.world import World

pytestmark = pytest.mark.django_db

KNOWN, UNKNOWN = "ada@engine.example", "eve@motor.example"
TRIAL = {"company": "Engine Works", "region": "eu-central-1"}


@pytest.fixture(autouse=True)
def nobody_asked_before(world: World) -> None:
    cache.clear()
    trial_of(try_out(KNOWN))  # Ada has a trial, and is a user
    cache.clear()


@contextmanager
def work(hashes: list[str]) -> Iterator[CaptureQueriesContext]:
    with CaptureQueriesContext(connection) as statements:
        hashes.clear()
        yield statements


@pytest.fixture
def hashes(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every password that was hashed: what takes long by design."""
    made: list[str] = []
    encode = MD5PasswordHasher.encode

    def noted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        made.append(password)
        return str(encode(self, password, salt))

    monkeypatch.setattr(MD5PasswordHasher, "encode", noted)
    return made


def compared(ask: Callable[[str], Any], names: tuple[str, ...], hashes: list[str]) -> None:
    """Ask for each name and hold answers, statements and hashes against one another."""
    seen = []
    ask("warm@up.example")
    for name in names:
        cache.clear()
        with work(hashes) as statements:
            answer = ask(name)
        headers = {key for key in answer.headers if key not in {"X-Request-ID", "Content-Security-Policy"}}
        kinds = [re.sub(r"\W.*", "", query["sql"]) for query in statements.captured_queries]
        seen.append((answer.status_code, shape(answer, name), headers, len(hashes), kinds))
    for other in seen[1:]:
        assert list(unified_diff(seen[0][1].splitlines(), other[1].splitlines(), n=0)) == []
        assert other == seen[0]


def shape(answer: Any, name: str) -> str:
    """An answer without what differs between any two: ids, secrets, times, and the name itself."""
    body = answer.content.decode()
    for part in filter(None, (name, name.partition("@")[2])):
        body = body.replace(part, "NAME")
    body = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "ID", body)
    body = re.sub(r"\d{4}-\d\d-\d\dT[\d:.]+Z", "TIME", body)
    return re.sub(r"(?:nst_)?[\w-]{64}|(?:nst_)?[\w-]{43}", "SECRET", body)


def test_a_sign_up_does_not_tell_whether_the_address_has_a_trial(hashes: list[str]) -> None:
    compared(lambda name: Asking().post("/trials", {**TRIAL, "email": name}), (KNOWN, UNKNOWN), hashes)


def test_nor_does_its_page(hashes: list[str]) -> None:
    compared(lambda name: Client().post("/trial", {**TRIAL, "email": name}), (KNOWN, UNKNOWN), hashes)


def test_asking_for_a_link_does_not_tell_who_may_sign_in(hashes: list[str]) -> None:
    compared(lambda name: Client().post("/trial/sign-in", {"email": name}), (KNOWN, UNKNOWN), hashes)


def test_a_wrong_password_takes_as_long_for_a_name_that_nobody_has(world: World, hashes: list[str]) -> None:
    present(world.alice)
    create_user(actor=SYSTEM, username="gone", password="x" * 20)
    create_user(actor=SYSTEM, username="idp", password="x" * 20)
    User.objects.filter(username="gone").update(is_active=False)
    User.objects.filter(username="idp").update(password=make_password(None))  # whom a provider signs in

    def ask(name: str) -> Any:
        return Client().post("/sign-in", {"username": name, "password": "a wrong password"})

    compared(ask, ("alice", "nobody", "gone", "idp"), hashes)
    assert len(hashes) == 1


def test_a_company_page_tells_a_domain_and_never_a_person(hashes: list[str]) -> None:
    compared(
        lambda name: Client().post("/sign-in/company", {"email": name}),
        (KNOWN, "nobody@engine.example"),
        hashes,
    )


def test_an_invitation_does_not_tell_whether_a_stranger_is_somebody_elses_user(
    world: World, hashes: list[str]
) -> None:
    bob = create_user(actor=SYSTEM, username="known", password="x" * 20, email="known@other.example")
    add_member(actor=SYSTEM, tenant=world.basalt, user=bob, role=Role.VIEWER)

    def ask(name: str) -> Any:
        return Asking(world.alice).post("/invitations", {"email": name, "role": "viewer"})

    compared(ask, ("known@other.example", "unknown@other.example"), hashes)


def test_another_trials_secret_and_an_unknown_trial_get_the_same_answer() -> None:
    mine = read(Asking().post("/trials", {**TRIAL, "email": UNKNOWN}))
    nobodys = "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41"
    found = []
    for trial, secret in ((mine["id"], "x" * 43), (nobodys, "x" * 43), (nobodys, mine["secret"])):
        answer = Asking().get(f"/trials/{trial}", X_Trial_Secret=secret)
        body = read(answer)
        body.pop("request_id")
        found.append((answer.status_code, str(body)))
    assert found[0] == found[1] == found[2]
    assert found[0][0] == 404
