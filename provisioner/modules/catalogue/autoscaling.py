"""Autoscaling: scales workloads by events and queue lengths."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import definition, deployment, resource
from provisioner.runtimes.inside import Json

KIND = CustomKind("Autoscaling", "autoscalings", namespaced=False)
SCALERS = CustomKind("EventScaler", "eventscalers")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "pollSeconds": {
            "type": "integer",
            "title": "Seconds between looks at a queue",
            "minimum": 5,
            "maximum": 600,
            "default": 30,
            "x-unit": "seconds",
            "x-order": 1,
        }
    },
}


def _keda(asked: Request) -> list[Json]:
    return [
        definition(KIND, SCHEMA),
        definition(SCALERS),
        resource(KIND, asked.settings),
        deployment(asked, cpu=50, memory=128),
    ]


module = Module(
    key="autoscaling",
    owner="compute",
    implementations={"keda": Implementation("KEDA", _keda)},
    schema=SCHEMA,
    footprint=Footprint(cpu_millicores=50, memory_mib=128, replicas=1),
    interface=KIND,
    data=(SCALERS,),
)
