"""Two hundred people sign up and confirm at once, and there are fifty places."""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from urllib.parse import urlsplit
from uuid import UUID

import pytest
from django.db import connection
from django.test import Client

from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.models import Tenant
from controlplane.trials.confirm import confirm
from controlplane.trials.managing import change_offer
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.offer import position_of
from controlplane.trials.promote import promote
from controlplane.trials.status import read_status
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.trialling import ask, letters, token_to
from tests.world import World

PEOPLE, PLACES = 200, 50
ACCEPTED = 202
WORKERS = 16  # as many as one web process has threads
ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)


def in_thread(token: str) -> str:
    try:
        trial = confirm(token).trial
        return trial.stage if trial else "none"
    finally:
        connection.close()


KEPT = threading.local()  # a client for each thread: to make one costs as much as what it asks


def signs_up(number: int) -> tuple[int, int, str]:
    """Sign up by the API and press the button behind the link, as one of many: both statuses, and how it goes then."""
    if not hasattr(KEPT, "client"):
        KEPT.client = Client()
    KEPT.client.cookies.clear()
    ask_from = partial(KEPT.client.post, REMOTE_ADDR=f"10.0.{number}.1")
    email = f"p{number}@company{number}.example"
    wish = {"email": email, "company": "Engine Works", "region": "eu-central-1"}
    try:
        asked = ask_from("/api/v1/trials", wish, content_type="application/json")
        if asked.status_code != ACCEPTED:
            return asked.status_code, 0, ""
        pressed = ask_from(urlsplit(letters("trial-verify", email)[-1][1]["link"]).path)
        found = read_status(UUID(asked.json()["id"]), asked.json()["secret"])
        return asked.status_code, pressed.status_code, found.status if found and found.detail else ""
    finally:
        connection.close()


@pytest.mark.slow
@pytest.mark.django_db(transaction=True)
def test_exactly_fifty_of_two_hundred_get_a_runtime_and_the_others_a_number(world: World) -> None:
    assert world.landscape.accepting
    change_offer(actor=ADMIN, places=PLACES, closed_regions=[], is_open=True)
    with ThreadPoolExecutor(WORKERS) as pool:
        answers = Counter(pool.map(signs_up, range(PEOPLE)))
    assert answers == {(ACCEPTED, 302, "provisioning"): PLACES, (ACCEPTED, 302, "waiting"): PEOPLE - PLACES}
    assert Runtime.objects.count() == Operation.objects.count() == PLACES
    assert Tenant.objects.filter(name="Engine Works").count() == PEOPLE
    assert not SignUp.objects.exclude(state="confirmed").exists()
    waiting = Trial.objects.filter(stage="waiting").order_by("id")
    assert [position_of(trial.id) for trial in waiting] == list(range(1, PEOPLE - PLACES + 1))


@pytest.mark.django_db(transaction=True)
def test_one_person_who_confirms_twice_at_once_has_one_runtime(world: World) -> None:
    assert world.landscape.accepting
    tokens = []
    for number in range(3):
        ask("ada@engine.example", company=f"Engine {number}", client=f"10.0.{number}.1")
        tokens.append(token_to("ada@engine.example"))
    with ThreadPoolExecutor(3) as pool:
        answers = Counter(pool.map(in_thread, tokens))
    assert answers == {"provisioning": 1, "none": 2}
    assert Runtime.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_places_that_come_free_are_given_once_however_many_ticks_run(world: World) -> None:
    assert world.landscape.accepting
    change_offer(actor=ADMIN, places=0, closed_regions=[], is_open=True)
    for number in range(12):
        ask(f"p{number}@company{number}.example", client=f"10.0.{number}.1")
        confirm(token_to(f"p{number}@company{number}.example"))
    change_offer(actor=ADMIN, places=5, closed_regions=[], is_open=True)

    def in_ticks(_: int) -> int:
        try:
            return promote()
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        started = sum(pool.map(in_ticks, range(4)))
    assert started == Runtime.objects.count() == 5
    first = Trial.objects.order_by("id").values_list("stage", flat=True)
    assert list(first) == ["provisioning"] * 5 + ["waiting"] * 7
