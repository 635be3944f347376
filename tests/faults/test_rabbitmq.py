"""On a real RabbitMQ: permits reach workers through quorum queues, and whatever dies or is emptied costs only time."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from uuid import uuid4

import amqp
import pytest
from celery import Celery
from django.db import connection

from controlplane.config.broker import broker_settings
from controlplane.config.celery import SWEEP_QUEUE, app
from provisioner.operations import flowbook, transport
from provisioner.operations.models import Operation, OperationAttempt
from tests import work
from tests.engine_stack import EngineStack, eventually, kill_group
from tests.plugins.rabbitmq import RabbitMQ
from tests.world import World

pytestmark = [
    pytest.mark.faults,
    pytest.mark.django_db(transaction=True),
    pytest.mark.timeout(300),
    pytest.mark.xdist_group("rabbitmq"),
]

STEPS = ("one", "slow", "three")


@pytest.fixture
def stack(rabbitmq: RabbitMQ, world: World) -> Iterator[EngineStack]:
    """Workers to be: RabbitMQ is their broker."""
    database = connection.settings_dict
    host = database["OPTIONS"].get("host") or database["HOST"]
    engine = EngineStack(
        f"postgres://{database['USER']}@/{database['NAME']}?host={host}",
        BROKER_URL=rabbitmq.url, ENGINE_STEPS=",".join(STEPS), DATABASE_POOL_SIZE="0",
        LEASE_SECONDS="3", STEP_TIMEOUT_SECONDS="2", HELM_SECONDS="1", SWEEP_SECONDS="0.3",
    )  # fmt: skip
    flowbook.install({"provision": work.flow(*(work.step(name) for name in STEPS))})
    yield engine
    flowbook.install({})
    engine.close()


@pytest.fixture(autouse=True)
def this_process_sends_there(rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a web process with this BROKER_URL would."""
    sender = Celery("sender", broker=rabbitmq.url, set_as_current=False)
    told = broker_settings(rabbitmq.url)
    sender.conf.update({name.removeprefix("CELERY_").lower(): value for name, value in told.items()})
    sender.conf.task_default_queue = app.conf.task_default_queue
    monkeypatch.setattr(transport, "_silent_until", 0.0)
    transport.use(sender)
    # The same patience, ten times shorter.
    options = sender.conf.broker_transport_options
    options |= {name: value / 10 for name, value in options.items() if name.endswith("_timeout")}
    yield
    transport.use(app)
    sender.close()


def open_some(world: World, count: int) -> None:
    for _ in range(count):
        work.start(work.runtime(world.shop, world.landscape))


def all_succeed_with_each_step_once(operations: int) -> None:
    def all_succeed() -> bool:
        states = list(Operation.objects.values_list("state", flat=True))
        assert not {"failed", "cancelled"} & set(states), list(Operation.objects.values("error_message"))
        return states == ["succeeded"] * operations

    eventually(all_succeed)
    done = Counter(OperationAttempt.objects.filter(outcome="done").values_list("operation_id", "step"))
    assert len(done) == len(STEPS) * operations
    assert set(done.values()) == {1}


def kind_refused(rabbitmq: RabbitMQ, queue: str) -> str:
    """What RabbitMQ says to somebody who takes the queue for a classic one."""
    with rabbitmq.connect() as link, pytest.raises(amqp.PreconditionFailed) as refused:
        link.channel().queue_declare(
            queue, durable=True, auto_delete=False, arguments={"x-queue-type": "classic"}
        )
    return str(refused.value)


def test_permits_alone_bring_work_to_its_end_and_a_killed_worker_is_replaced(
    rabbitmq: RabbitMQ, stack: EngineStack, world: World
) -> None:
    first = stack.worker()  # no beat: nothing sweeps
    open_some(world, 3)
    all_succeed_with_each_step_once(3)
    assert "current is 'quorum'" in kind_refused(rabbitmq, app.conf.task_default_queue)
    assert "current is 'quorum'" in kind_refused(rabbitmq, SWEEP_QUEUE)
    begun = len(stack.steps())
    open_some(world, 2)
    eventually(lambda: any(step[1] == "slow" for step in stack.steps()[begun:]))
    kill_group(first)
    stack.worker(beats=True)
    all_succeed_with_each_step_once(5)


def test_a_broker_that_dies_and_forgets_everything_costs_only_time(
    rabbitmq: RabbitMQ, stack: EngineStack, world: World
) -> None:
    stack.worker(beats=True)
    open_some(world, 2)
    eventually(lambda: any(step[1] == "slow" for step in stack.steps()))
    rabbitmq.kill()
    rabbitmq.empty()
    open_some(world, 2)  # accepted all the same
    rabbitmq.start()
    all_succeed_with_each_step_once(4)


def test_a_question_for_a_queue_that_is_not_there_leaves_sending_whole(rabbitmq: RabbitMQ) -> None:
    with rabbitmq.connect() as link:
        link.channel().queue_delete(app.conf.task_default_queue)
    assert transport.depth() == 0
    assert [transport.send(uuid4()) for _ in range(2)] == [True, True]
    assert transport.depth() == 2


def test_a_broker_that_says_nothing_holds_nobody_up(rabbitmq: RabbitMQ) -> None:
    assert transport.send(uuid4())
    with rabbitmq.silent():
        begun = time.monotonic()
        assert not transport.send(uuid4())
        assert time.monotonic() - begun < 10
