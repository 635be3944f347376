"""Whatever breaks, and wherever: the log tells of it and holds no secret; nor does what is stored of it."""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest
from django.test import Client

from controlplane.config.celery import app
from controlplane.config.logging import RedactedFormatter, RedactionFilter
from controlplane.kernel.errors import Retry
from controlplane.kernel.redaction import MASK
from provisioner.operations.models import OperationAttempt
from provisioner.steps.base import Outcome
from tests import work
from tests.world import World

pytestmark = pytest.mark.django_db

SECRET = "Zx9Qw7eRt5yUi3oPa1sQw7eRt5yUi3oPa1s"
WORDS = f"no route to postgresql://nesoi:{SECRET}@db/nesoi with Bearer {SECRET} and nesoi_{SECRET}"


@pytest.fixture
def logged() -> Iterator[io.StringIO]:
    """What the log of a process would hold."""
    (handler,) = [one for one in logging.getLogger().handlers if isinstance(one.formatter, RedactedFormatter)]
    assert isinstance(handler, logging.StreamHandler)
    written = io.StringIO()
    before = handler.setStream(written)
    yield written
    handler.setStream(before)


def fail(*_: object, **__: object) -> Outcome:
    raise RuntimeError(WORDS)


def told(logged: io.StringIO) -> str:
    """The log, which tells what broke and masks the secret."""
    text = logged.getvalue()
    assert "no route to postgresql://nesoi:" in text
    assert MASK in text
    assert SECRET not in text
    return text


def test_of_a_view(world: World, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controlplane.api.scope.accounts", fail)
    client = Client(headers={"Authorization": f"Bearer {world.alice.token}"}, raise_request_exception=False)
    answer = client.get("/api/v1/accounts")
    assert answer.status_code == 500
    assert SECRET not in answer.content.decode()
    assert "RuntimeError" in told(logged)


def test_of_a_task(logged: io.StringIO) -> None:
    task = app.task(name="breaks")(fail)
    task.apply(args=(f"nesoi_{SECRET}",))
    assert "RuntimeError" in told(logged)


def test_of_a_step(world: World, logged: io.StringIO) -> None:
    with work.flows(provision=work.flow(work.step("first", fail))):
        operation = work.start(work.runtime(world.shop, world.landscape))
        work.work()
    assert "step_broke" in told(logged)
    assert SECRET not in str(OperationAttempt.objects.filter(operation=operation).values())


def test_what_is_stored_of_a_fault_that_a_step_reports(world: World) -> None:
    def act(_: object) -> Outcome:
        raise Retry(WORDS)

    with work.flows(provision=work.flow(work.step("first", act))):
        operation = work.start(work.runtime(world.shop, world.landscape))
        work.work()
    (attempt,) = OperationAttempt.objects.filter(operation=operation)
    assert attempt.message.startswith("no route to postgresql://nesoi:[redacted]@db")
    again = work.again(operation)
    assert SECRET not in f"{attempt.message} {again.reason} {again.error_message}"


def test_of_a_value_that_only_its_name_betrays(logged: io.StringIO) -> None:
    logging.getLogger("any").error("no route to postgresql://nesoi:%s@db, password=%s", SECRET, SECRET)
    told(logged)


@pytest.mark.parametrize("form", ["%(message)s", "%(levelname)s %(message)s"])
def test_a_handler_that_is_not_ours_writes_none_either(form: str) -> None:
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter(form))
    handler.addFilter(RedactionFilter())
    logger = logging.getLogger("theirs")
    logger.addHandler(handler)
    try:
        fail()
    except RuntimeError:
        logger.exception("Error handling request /x?access_token=%s", SECRET)
    logger.removeHandler(handler)
    told(written)
