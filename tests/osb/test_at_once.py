"""Requests of the same instance at the same moment: one runtime, one operation, one answer for all."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection

from controlplane.osb.models import OsbInstance
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.osb.asking import Platform, read, stand
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def together(ask: Callable[[], Any], times: int = 6) -> list[Any]:
    """Ask from several threads, as near to one moment as can be."""
    barrier, answers = threading.Barrier(times), []

    def one() -> None:
        try:
            barrier.wait(10)
            answers.append(ask())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert len(answers) == times
    return answers


def test_orders_at_once_make_one_runtime(cf: Platform) -> None:
    answers = together(cf.provision)
    assert {answer.status_code for answer in answers} == {202}
    assert len({read(answer)["operation"] for answer in answers}) == 1
    assert Runtime.objects.count() == Operation.objects.count() == OsbInstance.objects.count() == 1


def test_updates_at_once_make_one_operation(cf: Platform) -> None:
    stand(cf)
    answers = together(lambda: cf.update(parameters={"autoScalerMax": 5}))
    assert {answer.status_code for answer in answers} == {202}
    assert Operation.objects.filter(kind="update").count() == 1


def test_deletes_at_once_make_one_operation(cf: Platform) -> None:
    stand(cf)
    answers = together(cf.deprovision)
    assert {answer.status_code for answer in answers} == {202}
    assert Operation.objects.filter(kind="deprovision").count() == 1


def test_orders_of_one_new_organisation_make_one_account(cf: Platform, world: World) -> None:
    names = iter(["one", "two", "three", "four"])
    answers = together(lambda: cf.provision(next(names)), times=4)
    assert {answer.status_code for answer in answers} == {202}
    assert len(set(Runtime.objects.values_list("account"))) == 1
