"""Idempotency-Key: a repeated write happens once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection
from django.utils.timezone import now

from controlplane.api.models import IdempotencyRecord
from controlplane.tenants.access import Role
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.world import World, member

pytestmark = pytest.mark.django_db


def test_the_same_request_again_gets_the_stored_answer(alice: Asking) -> None:
    first = alice.post("/runtimes", WISH, Idempotency_Key="k-1")
    again = alice.post("/runtimes", dict(reversed(WISH.items())), Idempotency_Key="k-1")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert (again["Location"], again["ETag"]) == (first["Location"], first["ETag"])
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert Runtime.objects.count() == Operation.objects.count() == 1


@pytest.mark.parametrize(
    "changes", [{"name": "other"}, {"labels": {}}, {"parameters": {"region": "eu-west-1"}}]
)
def test_the_same_key_with_another_body_is_refused(alice: Asking, changes: dict[str, Any]) -> None:
    alice.post("/runtimes", WISH, Idempotency_Key="k-1")
    response = alice.post("/runtimes", {**WISH, **changes}, Idempotency_Key="k-1")
    assert problem(response) == (422, "idempotency_key_reused")
    assert Runtime.objects.count() == 1


def test_the_same_key_at_another_address_is_refused(alice: Asking) -> None:
    runtime = alice.order()["runtime"]["id"]
    alice.patch(f"/runtimes/{runtime}", {"labels": {}}, Idempotency_Key="k-1")
    assert problem(alice.delete(f"/runtimes/{runtime}", Idempotency_Key="k-1")) == (
        422,
        "idempotency_key_reused",
    )


def test_another_key_is_another_request(alice: Asking) -> None:
    alice.post("/runtimes", WISH, Idempotency_Key="k-1")
    assert problem(alice.post("/runtimes", WISH, Idempotency_Key="k-2")) == (409, "name_taken")


def test_keys_of_two_tokens_do_not_meet(alice: Asking, bob: Asking, world: World) -> None:
    carol = Asking(member("carol", world.archipel, Role.ADMIN))
    alice.post("/runtimes", WISH, Idempotency_Key="k-1")
    assert carol.post("/runtimes", {**WISH, "name": "carols"}, Idempotency_Key="k-1").status_code == 202
    response = bob.post("/runtimes", {**WISH, "account": "main"}, Idempotency_Key="k-1")
    assert read(response)["runtime"]["tenant"] == "basalt"


def test_a_refused_request_may_be_repeated_with_its_key(alice: Asking, world: World) -> None:
    assert problem(alice.post("/runtimes", {**WISH, "account": "labor"}, Idempotency_Key="k-1"))[0] == 422
    assert not IdempotencyRecord.objects.exists()
    assert alice.post("/runtimes", WISH, Idempotency_Key="k-1").status_code == 202


def test_a_change_and_a_delete_happen_once_too(alice: Asking) -> None:
    path = f"/runtimes/{alice.order()['runtime']['id']}"
    change = {"parameters": {"autoScalerMax": 9}}
    first, again = (alice.patch(path, change, Idempotency_Key="k-1", If_Match='"r1"') for _ in range(2))
    assert first.content == again.content
    assert Runtime.objects.get().generation == 2
    first, again = (alice.delete(path, Idempotency_Key="k-2", If_Match='"r2"') for _ in range(2))
    assert first.content == again.content
    assert Runtime.objects.get().generation == 3


@pytest.mark.parametrize("key", ["", " ", "a b", "ü", "x" * 256, "tab\there"])
def test_a_malformed_key_is_named(alice: Asking, key: str) -> None:
    assert problem(alice.post("/runtimes", WISH, Idempotency_Key=key)) == (400, "idempotency_key_invalid")
    assert not Runtime.objects.exists()


def test_the_longest_key_is_taken(alice: Asking) -> None:
    assert alice.post("/runtimes", WISH, Idempotency_Key="~" * 255).status_code == 202


def test_a_key_is_free_again_after_a_day(alice: Asking) -> None:
    alice.post("/runtimes", WISH, Idempotency_Key="k-1")
    IdempotencyRecord.objects.update(created_at=now() - timedelta(hours=24, seconds=1))
    response = alice.post("/runtimes", {**WISH, "name": "other"}, Idempotency_Key="k-1")
    assert response.status_code == 202
    assert IdempotencyRecord.objects.get().body == response.content.decode()


def test_old_records_go_as_new_ones_come(alice: Asking) -> None:
    for number in range(3):
        alice.post("/accounts", {"slug": f"a-{number}", "name": "A"}, Idempotency_Key=f"old-{number}")
    IdempotencyRecord.objects.update(created_at=now() - timedelta(hours=25))
    alice.post("/accounts", {"slug": "b-1", "name": "B"}, Idempotency_Key="new-1")
    alice.post("/accounts", {"slug": "b-2", "name": "B"}, Idempotency_Key="new-2")
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"new-1", "new-2"}


def test_old_records_of_a_tenant_that_comes_no_more_go_too(alice: Asking, bob: Asking) -> None:
    alice.post("/accounts", {"slug": "once", "name": "A"}, Idempotency_Key="old")
    IdempotencyRecord.objects.update(created_at=now() - timedelta(hours=25))
    bob.post("/accounts", {"slug": "again", "name": "B"}, Idempotency_Key="new")
    assert set(IdempotencyRecord.objects.values_list("key", flat=True)) == {"new"}


def test_a_minted_kubeconfig_is_never_kept(alice: Asking) -> None:
    path = f"/runtimes/{alice.order()['runtime']['id']}/kubeconfig"
    alice.post(path, {}, Idempotency_Key="k-1")
    assert not IdempotencyRecord.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_of_concurrent_duplicates_one_works_and_the_others_get_its_answer_or_are_told_to_wait(
    alice: Asking, world: World
) -> None:
    copies = 6
    start = Barrier(copies)

    def send(_: int) -> tuple[int, bytes]:
        try:
            start.wait(10)
            response = Asking(world.alice).post("/runtimes", WISH, Idempotency_Key="k-1")
            if response.status_code == 409:
                assert problem(response)[1] == "idempotency_in_progress"
                assert response["Retry-After"] == "1"
            return response.status_code, response.content
        finally:
            connection.close()

    with ThreadPoolExecutor(copies) as pool:
        answers = list(pool.map(send, range(copies)))
    assert Runtime.objects.count() == Operation.objects.count() == 1
    assert {status for status, _ in answers} <= {202, 409}
    assert len({body for status, body in answers if status == 202}) == 1
