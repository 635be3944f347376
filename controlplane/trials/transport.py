"""Tells a worker that a trial has something due; lost word costs only the time until the next tick."""

from __future__ import annotations

from typing import Any, Protocol

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

TICK = "nesoi.trials"


class Sender(Protocol):
    """What is needed of the Celery application: `controlplane.config.celery` hands it in."""

    def send_task(self, name: str, **options: Any) -> object:
        """Publish a task by name."""
        ...


_senders: list[Sender] = []


def use(sender: Sender) -> None:
    """Send through this application from now on; without one beat alone does it."""
    _senders[:] = [sender]


def send() -> None:
    """Ask for a tick; a broker that is away holds nobody up."""
    for sender in _senders:
        try:
            sender.send_task(TICK, retry=False, ignore_result=True)
        except (OperationalError, OSError) as fault:
            log.warning("broker_away", reason=str(fault), remedy="the next tick does what is due")


def send_on_commit() -> None:
    """Ask for a tick once the present transaction is committed."""
    transaction.on_commit(send, robust=True)
