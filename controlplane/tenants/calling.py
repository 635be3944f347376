"""Calls a worker to a task as soon as there is something for it; a lost call costs only the time until beat's next turn."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)


class Sender(Protocol):
    """What is needed of the Celery application: `controlplane.config.celery` hands it in."""

    def send_task(self, name: str, **options: Any) -> object:
        """Publish a task by name."""
        ...


_senders: list[Sender] = []


def use(sender: Sender) -> None:
    """Send through this application from now on; without one beat alone starts the tasks."""
    _senders[:] = [sender]


@dataclass(frozen=True)
class Call:
    """A call to the task of this name; `otherwise` says who does the work where the broker is away."""

    task: str
    otherwise: str

    def send(self) -> None:
        """Ask for the task; a broker that is away holds nobody up."""
        for sender in _senders:
            try:
                sender.send_task(self.task, retry=False, ignore_result=True)
            except (OperationalError, OSError) as fault:
                log.warning("broker_away", task=self.task, reason=str(fault), remedy=self.otherwise)

    def send_on_commit(self) -> None:
        """Ask for the task once the present transaction is committed."""
        transaction.on_commit(self.send, robust=True)
