"""How Celery speaks to its broker: Valkey and RabbitMQ each want their own words. BROKER_URL alone decides."""

from __future__ import annotations

from typing import Any


def broker_settings(url: str) -> dict[str, Any]:
    """Return Celery's settings, by Django's names, for the broker at `url`."""
    if url.startswith(("redis", "unix")):
        return {
            # kombu looks for messages of dead workers each interval x throttle seconds: 100 s unless told otherwise.
            "CELERY_BROKER_TRANSPORT_OPTIONS": {
                "visibility_timeout": 3600,
                "unacked_restore_interval": 1,
                "unacked_restore_throttle": 1,
                # A broker that is away must not hold up the request whose work is announced: the sweep heals that.
                "socket_timeout": 5,
                "socket_connect_timeout": 2,
                "max_retries": 1,
                "interval_start": 0,
            }
        }
    if url.startswith(("amqp", "pyamqp")):
        return {
            "CELERY_TASK_DEFAULT_QUEUE_TYPE": "quorum",
            "CELERY_TASK_DEFAULT_EXCHANGE_TYPE": "topic",
            "CELERY_WORKER_DETECT_QUORUM_QUEUES": True,
            # Celery declares 28 queues for tasks that are to come later. None of ours is: let them at least be no quorums.
            "CELERY_BROKER_NATIVE_DELAYED_DELIVERY_QUEUE_TYPE": "classic",
            "CELERY_BROKER_TRANSPORT_OPTIONS": {
                "confirm_publish": True,
                # A quorum queue without a leader confirms nothing for a minute: what sends must not wait so long.
                "read_timeout": 5,
                "write_timeout": 5,
                "max_retries": 1,
                "interval_start": 0,
            },
        }
    return {}
