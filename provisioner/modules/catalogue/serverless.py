"""Serverless: runs functions from source, scaled with their load."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import definition, deployment, resource
from provisioner.runtimes.inside import Json

KIND = CustomKind("Serverless", "serverlesses", namespaced=False)
FUNCTIONS = CustomKind("Function", "functions")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "runtimes": {
            "type": "array",
            "title": "Languages",
            "description": "Languages that functions may be written in.",
            "items": {"type": "string", "enum": ["nodejs22", "python312", "go124"]},
            "uniqueItems": True,
            "minItems": 1,
            "default": ["nodejs22", "python312"],
            "x-order": 1,
        },
        "scaleToZeroMinutes": {
            "type": "integer",
            "title": "Idle minutes before a function sleeps",
            "minimum": 0,
            "maximum": 1440,
            "default": 10,
            "x-unit": "minutes",
            "x-order": 2,
        },
    },
}


def _functions(asked: Request) -> list[Json]:
    return [
        definition(KIND, SCHEMA),
        definition(FUNCTIONS),
        resource(KIND, asked.settings),
        deployment(asked, cpu=50, memory=192),
    ]


module = Module(
    key="serverless",
    owner="developer-experience",
    implementations={"functions": Implementation("A controller for functions", _functions)},
    conflicts={
        "autoscaling": "both answer for external metrics (APIService v1beta1.external.metrics.k8s.io), "
        "and a cluster has that once"
    },
    schema=SCHEMA,
    footprint=Footprint(cpu_millicores=50, memory_mib=192, replicas=1),
    interface=KIND,
    data=(FUNCTIONS,),
)
