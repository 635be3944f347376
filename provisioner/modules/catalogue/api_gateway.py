"""API gateway: exposes services under the runtime's domain, with authentication and rate limits."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import definition, deployment, resource
from provisioner.runtimes.inside import Json

KIND = CustomKind("APIGateway", "apigateways", namespaced=False)
RULES = CustomKind("APIRule", "apirules")
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "requestsPerSecond": {
            "type": "integer",
            "title": "Requests a second",
            "description": "Of one caller, before it is asked to slow down.",
            "minimum": 1,
            "maximum": 100000,
            "default": 100,
            "x-order": 1,
        },
        "corsOrigins": {
            "type": "array",
            "title": "CORS origins",
            "description": "Origins whose pages may call what is exposed.",
            "items": {"type": "string", "minLength": 1, "maxLength": 253},
            "maxItems": 50,
            "default": [],
            "x-order": 2,
        },
    },
}


def _envoy(asked: Request) -> list[Json]:
    return [
        definition(KIND, SCHEMA),
        definition(RULES),
        resource(KIND, asked.settings),
        deployment(asked, cpu=50, memory=128),
    ]


module = Module(
    key="api-gateway",
    owner="networking",
    implementations={"envoy": Implementation("Envoy with rules of its own", _envoy)},
    requires=("service-mesh",),
    schema=SCHEMA,
    footprint=Footprint(cpu_millicores=50, memory_mib=128, replicas=1),
    interface=KIND,
    data=(RULES,),
)
