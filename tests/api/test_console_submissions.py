"""A form acts once, however often and however fast its button is pressed."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

import pytest
from django.db import connection

from controlplane.console.models import Submission
from controlplane.console.submissions import new_token, once
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from tests.signed_in import present
from tests.world import World


@pytest.mark.django_db(transaction=True)
def test_two_presses_at_the_same_moment_do_the_work_once(world: World) -> None:
    token, user = new_token(), world.alice.user
    done: list[int] = []
    led: list[str] = []

    def work() -> str:
        time.sleep(0.2)
        done.append(1)
        return f"/made/{len(done)}"

    def press() -> None:
        try:
            led.append(once(token=token, user=user, work=work))
        finally:
            connection.close()

    presses = [threading.Thread(target=press) for _ in range(4)]
    for press_ in presses:
        press_.start()
    for press_ in presses:
        press_.join(20)
    assert led == ["/made/1"] * 4
    assert len(done) == 1


@pytest.mark.django_db
def test_a_refused_form_may_be_sent_again(world: World) -> None:
    token, user = new_token(), world.alice.user

    def refuse() -> str:
        raise Refused("name_taken", "Choose another name.")

    with pytest.raises(Refused):
        once(token=token, user=user, work=refuse)
    assert once(token=token, user=user, work=lambda: "/made") == "/made"


@pytest.mark.django_db
def test_nobody_is_led_by_another_person_s_token(world: World) -> None:
    token = new_token()
    present(world.bob)
    once(token=token, user=world.alice.user, work=lambda: "/alice")
    assert once(token=token, user=world.bob.user, work=lambda: "/bob") == "/bob"


@pytest.mark.django_db
def test_what_is_older_than_a_day_is_forgotten(world: World) -> None:
    user = world.alice.user
    once(token=new_token(), user=user, work=lambda: "/old")
    Submission.objects.update(created_at=utcnow() - timedelta(hours=25))
    once(token=new_token(), user=user, work=lambda: "/new")
    assert list(Submission.objects.values_list("location", flat=True)) == ["/new"]
