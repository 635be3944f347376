"""Eventing: publishes and subscribes to CloudEvents, with at-least-once delivery."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import SYSTEM, definition, deployment, door, resource, service
from provisioner.runtimes.inside import Json

KIND = CustomKind("Eventing", "eventings", namespaced=False)
SUBSCRIPTIONS = CustomKind("Subscription", "subscriptions")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "retentionHours": {
            "type": "integer",
            "title": "Retention",
            "description": "How long an event that nobody took is kept.",
            "minimum": 1,
            "maximum": 168,
            "default": 24,
            "x-unit": "hours",
            "x-order": 1,
        },
        "highAvailability": {
            "type": "boolean",
            "title": "Three replicas",
            "description": "Survives the loss of a zone.",
            "default": False,
            "x-order": 2,
        },
    },
}


def _nats(asked: Request) -> list[Json]:
    name = "eventing-nats"
    return [
        definition(KIND, SCHEMA),
        definition(SUBSCRIPTIONS),
        resource(KIND, asked.settings),
        deployment(
            asked, name=name, replicas=3 if asked.settings["highAvailability"] else 1, cpu=50, memory=128
        ),
        service(asked, name="eventing", port=80, selector={"app.kubernetes.io/name": name}),
        door("eventing", port=80, to={"app.kubernetes.io/name": name}),
    ]


module = Module(
    key="eventing",
    owner="integration",
    implementations={"nats": Implementation(f"NATS in {SYSTEM}", _nats)},
    schema=SCHEMA,
    footprint=Footprint(cpu_millicores=50, memory_mib=128, replicas=1),
    interface=KIND,
    data=(SUBSCRIPTIONS,),
)
