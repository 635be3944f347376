"""Keeps one observing thread per landscape, as landscapes come and go."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from threading import Event as Flag
from threading import Thread
from uuid import UUID

import structlog
from django.db import Error, connection

from provisioner.landscapes.models import Landscape
from provisioner.observer.session import Session

log = structlog.get_logger(__name__)

LOOK_SECONDS = 10.0
_LEAVE_SECONDS = 5.0


@dataclass(frozen=True)
class Watcher:
    """A thread, and how to end it."""

    thread: Thread
    stop: Flag


def observe(stop: Flag, keys: Collection[str] = ()) -> None:
    """Observe every landscape, or those of `keys`, until `stop` is set; a database that is away is waited for."""
    watchers: dict[UUID, Watcher] = {}
    while not stop.is_set():
        try:
            _match(watchers, _wanted(keys))
        except Error as error:
            log.warning("observer.database_lost", error=str(error).partition("\n")[0])
        finally:
            connection.close()
        stop.wait(LOOK_SECONDS if watchers else 1.0)
    for watcher in watchers.values():
        watcher.stop.set()
    for watcher in watchers.values():
        watcher.thread.join(_LEAVE_SECONDS)


def _wanted(keys: Collection[str]) -> dict[UUID, str]:
    rows = Landscape.objects.all()
    if keys:
        rows = rows.filter(key__in=keys)
    return dict(rows.values_list("id", "key"))


def _match(watchers: dict[UUID, Watcher], wanted: dict[UUID, str]) -> None:
    for landscape_id in list(watchers):
        if landscape_id not in wanted or not watchers[landscape_id].thread.is_alive():
            watchers.pop(landscape_id).stop.set()
    for landscape_id, key in wanted.items():
        if landscape_id not in watchers:
            stop = Flag()
            session = Session(landscape_id, key, stop)
            thread = Thread(target=session.run, name=f"observe {key}", daemon=True)
            watchers[landscape_id] = Watcher(thread, stop)
            thread.start()
