"""Permits: messages that let a worker look for due work. They carry an id for people who read logs; the row decides.

Nothing depends on them but time. A broker that is down must not hold up the request whose work they announce.
"""

from __future__ import annotations

import time
from typing import Any, Protocol
from uuid import UUID

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from provisioner.operations.announcer import Announcer

log = structlog.get_logger(__name__)

ADVANCE = "nesoi.advance"
SILENCE_SECONDS = 5.0  # after a failure nobody tries for so long: the sweep sends what is due then


class Sender(Protocol):
    """What is needed of the Celery application: `controlplane.config.celery` hands it in."""

    conf: Any

    def send_task(self, name: str, **options: Any) -> object:
        """Publish a task by name."""
        ...

    def connection_or_acquire(self) -> Any:
        """Return a connection to the broker."""
        ...


_sender: Sender | None = None
_silent_until = 0.0


def use(sender: Sender) -> None:
    """Send through this application from now on; without one the sweep alone starts work."""
    global _sender  # noqa: PLW0603 - one application per process
    _sender = sender


def send(operation_id: UUID) -> bool:
    """Send one permit; False when the broker does not take it."""
    global _silent_until  # noqa: PLW0603 - one memory per process of when the broker failed
    if _sender is None or time.monotonic() < _silent_until:
        return False
    try:
        _sender.send_task(ADVANCE, args=[str(operation_id)], retry=False, ignore_result=True)
    except (OperationalError, OSError) as fault:
        _silent_until = time.monotonic() + SILENCE_SECONDS
        log.warning("broker_away", reason=str(fault), remedy="the sweep sends what is due")
        return False
    return True


def send_on_commit(operation_id: UUID) -> None:
    """Have a permit sent soon after the present transaction is committed."""
    transaction.on_commit(lambda: _announcer.announce(operation_id), robust=True)


_announcer = Announcer(send)


def depth() -> int:
    """Return how many permits lie in the broker; 0 when it does not say."""
    if _sender is None:
        return 0
    try:
        with _sender.connection_or_acquire() as link:
            queue = link.default_channel.queue_declare(queue=_sender.conf.task_default_queue, passive=True)
            return int(queue.message_count)
    except Exception:  # each transport has errors of its own, one of them for a queue that is not there yet
        log.debug("broker_depth_unknown")
        return 0
