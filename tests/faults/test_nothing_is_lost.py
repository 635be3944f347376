"""Whatever dies, every accepted request ends, once, and no orphan stays in the landscape."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

import pytest
import redis

from controlplane.embedded.places import choose_places
from tests.plugins.stack import Stack

pytestmark = [
    pytest.mark.faults,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.xdist_group("stack"),
]

_numbers = itertools.count(1)


def order_some(stack: Stack, count: int = 6) -> list[dict[str, Any]]:
    return [stack.order(f"fault-{next(_numbers)}") for _ in range(count)]


def remove_all(stack: Stack, bodies: list[dict[str, Any]]) -> None:
    stack.hasten()
    asked = [stack.api("DELETE", f"/runtimes/{body['runtime']['id']}") for body in bodies]
    assert {answer.status for answer in asked} == {202}
    closed = stack.wait_closed([answer.body for answer in asked])
    assert {one["state"] for one in closed} == {"succeeded"}


def all_came_to_be_once(stack: Stack, bodies: list[dict[str, Any]]) -> None:
    closed = stack.wait_closed(bodies)
    assert {one["state"] for one in closed} == {"succeeded"}, closed
    wanted = {body["runtime"]["id"] for body in bodies}
    owners = [
        shoot["metadata"]["labels"]["nesoi.dev/runtime"]
        for shoot in stack.shoots().values()
        if shoot["metadata"]["labels"]["nesoi.dev/runtime"] in wanted
    ]
    assert sorted(owners) == sorted(wanted)
    remove_all(stack, bodies)
    left = {shoot["metadata"]["labels"]["nesoi.dev/runtime"] for shoot in stack.shoots().values()}
    assert not left & wanted


def kill_worker_again_and_again(stack: Stack) -> None:
    for _ in range(4):
        stack.kill("worker")
        time.sleep(1.3)


def empty_broker(stack: Stack) -> None:
    client = redis.Redis(unix_socket_path=str(choose_places(stack.state).valkey_socket))
    for _ in range(5):
        client.flushall()
        time.sleep(0.3)


def kill_broker(stack: Stack) -> None:
    stack.kill("valkey")


def kill_observer(stack: Stack) -> None:
    for _ in range(3):
        stack.kill("observer")
        time.sleep(1)


def take_landscape_down(stack: Stack) -> None:
    stack.simulator("POST", "/simulator/v1/outage", {"seconds": 5, "mode": "503"})


def hang_landscape(stack: Stack) -> None:
    stack.simulator("POST", "/simulator/v1/outage", {"seconds": 4, "mode": "hang"})


def kill_landscape(stack: Stack) -> None:
    stack.kill("simulator")


def restart_database(stack: Stack) -> None:
    stack.kill("postgres")


def kill_beat_and_web(stack: Stack) -> None:
    stack.kill("beat")
    stack.kill("web")


FAULTS: list[Callable[[Stack], None]] = [
    kill_worker_again_and_again,
    empty_broker,
    kill_broker,
    kill_observer,
    take_landscape_down,
    hang_landscape,
    kill_landscape,
    restart_database,
    kill_beat_and_web,
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_every_accepted_request_ends_once_whatever_dies(stack: Stack, fault: Callable[[Stack], None]) -> None:
    bodies = order_some(stack)
    fault(stack)
    all_came_to_be_once(stack, bodies)


def test_a_runtime_deleted_while_it_is_being_built_leaves_nothing(stack: Stack) -> None:
    body = stack.order(f"fault-{next(_numbers)}")
    stack.eventually(lambda: stack.operation(body)["step"] == "await_cluster", seconds=30)
    answer = stack.api("DELETE", f"/runtimes/{body['runtime']['id']}")
    assert answer.status == 202
    created, deleted = stack.wait_closed([body, answer.body])
    assert (created["state"], deleted["state"]) == ("cancelled", "succeeded")
    owners = {shoot["metadata"]["labels"]["nesoi.dev/runtime"] for shoot in stack.shoots().values()}
    assert body["runtime"]["id"] not in owners
