"""The Celery application: it carries ids, PostgreSQL keeps the truth."""

from __future__ import annotations

import os
import warnings

from celery import Celery
from celery.exceptions import SecurityWarning
from celery.signals import beat_init, worker_init
from django.conf import settings
from kombu import Exchange, Queue

from controlplane.config.starting import load_before_forking, refuse_dangerous_settings
from controlplane.config.worker_connections import keep_connections
from controlplane.tenants import calling
from provisioner.operations import transport

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "controlplane.config.settings")
# Celery runs all of them, which loads every page, and leaves what they find.
os.environ.setdefault("CELERY_SKIP_CHECKS", "1")

if settings.EMBEDDED:
    # In a container root is often the only user there is, and the embedded stack's broker carries nothing but our own JSON.
    warnings.filterwarnings(
        "ignore", "You're running the worker with superuser privileges", category=SecurityWarning
    )

SWEEP_QUEUE = "nesoi-sweep"  # of its own, so that a sweep never stands behind five hundred permits

app = Celery("nesoi")
app.set_default()  # the current one in every thread, not only in the one that imported this
app.config_from_object("django.conf:settings", namespace="CELERY")
worker_init.connect(refuse_dangerous_settings)
worker_init.connect(load_before_forking)
beat_init.connect(refuse_dangerous_settings)
keep_connections(app)
app.autodiscover_tasks(
    [
        "controlplane.tenants.audit",
        "controlplane.notices",
        "controlplane.trials",
        "controlplane.osb",
        "provisioner.operations",
        "provisioner.lifecycle",
        "provisioner.findings",
        "provisioner.observer",
        "provisioner.rollouts",
        "billing.usage",
        "billing.books",
        "billing.statements",
        "billing.footprint",
        "billing.costs",
        "billing.exports",
    ]
)


def _queue(name: str) -> Queue:
    exchange = Exchange(name, type=app.conf.task_default_exchange_type)
    quorum = {"x-queue-type": "quorum"} if app.conf.task_default_queue_type == "quorum" else None
    return Queue(name, exchange, routing_key=name, queue_arguments=quorum)


app.conf.update(
    task_queues=[_queue(app.conf.task_default_queue), _queue(SWEEP_QUEUE)],
    task_routes={"nesoi.sweep": {"queue": SWEEP_QUEUE}},
    beat_scheduler="celery.beat:Scheduler",  # the schedule is code: no file to keep or to lose
    beat_schedule={
        "trials": {
            "task": "nesoi.trials",
            "schedule": settings.TRIAL_TICK_SECONDS,
            "options": {"expires": 3 * max(settings.TRIAL_TICK_SECONDS, 1.0)},
        },
        "standing": {
            "task": "nesoi.standing",
            "schedule": settings.STANDING_SECONDS,
            "options": {"expires": 5 * max(settings.STANDING_SECONDS, 1.0)},
        },
        "inspect-modules": {
            "task": "nesoi.inspect-modules",  # whose turn it is stands in the database
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "find": {
            "task": "nesoi.find",  # whose turn it is stands in the database
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "enrol-findings": {
            "task": "nesoi.enrol_findings",  # runtimes that became ready
            "schedule": 60.0,
            "options": {"expires": 60.0},
        },
        "enrol-all-findings": {
            "task": "nesoi.enrol_findings",  # those that were at work whenever the former came
            "kwargs": {"everyone": True},
            "schedule": 3600.0,
            "options": {"expires": 3600.0},
        },
        "mark-expiry": {
            "task": "nesoi.mark_expiry",  # whom an end of life concerns; when each is due stands in the database
            "schedule": 3600.0,
            "options": {"expires": 3600.0},
        },
        "expiry": {
            "task": "nesoi.expiry",
            "schedule": 60.0,
            "options": {"expires": 60.0},
        },
        "tell-upgrades": {
            "task": "nesoi.tell_upgrades",
            "schedule": 300.0,  # one message for all that ended meanwhile
            "options": {"expires": 300.0},
        },
        "revoke-bindings": {
            "task": "nesoi.revoke-bindings",
            "schedule": 30.0,
            "options": {"expires": 60.0},
        },
        "deliver": {
            "task": "nesoi.deliver",  # what was announced goes at once: this is for what was lost or failed
            "schedule": 10.0,
            "options": {"expires": 30.0},
        },
        "deliver-webhooks": {
            "task": "nesoi.deliver_webhooks",
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "announce-charges": {
            "task": "nesoi.announce_charges",  # what was announced is known by its key: once, whoever asks how often
            "schedule": 300.0,
            "options": {"expires": 300.0},
        },
        "prune-notices": {
            "task": "nesoi.prune_notices",
            "schedule": 3600.0,
            "options": {"expires": 3600.0},
        },
        "sweep": {
            "task": "nesoi.sweep",
            "schedule": settings.SWEEP_SECONDS,
            "options": {"expires": 5 * max(settings.SWEEP_SECONDS, 1.0)},  # workers away: no pile of sweeps
        },
        "rollouts": {
            "task": "nesoi.rollouts",  # one question while none is under way
            "schedule": settings.ROLLOUT_TICK_SECONDS,
            "options": {"expires": 3 * max(settings.ROLLOUT_TICK_SECONDS, 1.0)},
        },
        "audit": {
            "task": "nesoi.audit",  # whose turn it is stands in the database: a beat that restarts often forgets none
            "schedule": min(settings.AUDIT_SECONDS, 60.0),
            "options": {"expires": 60.0},
        },
        "ship-audit": {
            "task": "nesoi.ship_audit",
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "usage": {
            "task": "nesoi.usage",
            "schedule": settings.USAGE_TICK_SECONDS,
            "options": {"expires": 3 * max(settings.USAGE_TICK_SECONDS, 1.0)},
        },
        "costs": {
            "task": "nesoi.costs",
            "schedule": 60.0,
            "options": {"expires": 180.0},
        },
        "footprint": {
            "task": "nesoi.footprint",  # a day is made once it is over, and again when it came out anew
            "schedule": 300.0,
            "options": {"expires": 300.0},
        },
        "statements": {
            "task": "nesoi.statements",
            "schedule": settings.STATEMENT_TICK_SECONDS,
            "options": {"expires": 3 * max(settings.STATEMENT_TICK_SECONDS, 1.0)},
        },
        "usage-retention": {
            "task": "nesoi.usage_retention",
            "schedule": 3600.0,
            "options": {"expires": 3600.0},
        },
        "focus-calendar": {
            "task": "nesoi.focus_calendar",  # asks once a day for each file: a beat that restarts often asks no more
            "schedule": 600.0,
            "options": {"expires": 600.0},
        },
        "focus": {
            "task": "nesoi.focus",
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "what-if": {
            "task": "nesoi.what_if",  # one question while nobody asks any
            "schedule": 5.0,
            "options": {"expires": 5.0},
        },
        "bill-imports": {
            "task": "nesoi.bill_imports",  # one question while nobody asked for any
            "schedule": 10.0,
            "options": {"expires": 10.0},
        },
        "provider-bills": {
            "task": "nesoi.provider_bills",  # whose turn it is stands in the database
            "schedule": 300.0,
            "options": {"expires": 300.0},
        },
        "seal-audit": {
            "task": "nesoi.seal_audit",
            "schedule": settings.AUDIT_SEAL_SECONDS,
            "options": {"expires": max(settings.AUDIT_SEAL_SECONDS, 1.0)},
        },
    },
)
transport.use(app)
calling.use(app)
