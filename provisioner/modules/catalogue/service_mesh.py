"""Service mesh: mutual TLS, traffic rules and an ingress gateway."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import definition, deployment, door, resource
from provisioner.runtimes.inside import Json

KIND = CustomKind("ServiceMesh", "servicemeshes", namespaced=False)
INGRESS = {"nesoi.dev/role": "ingress"}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "mutualTLS": {
            "type": "string",
            "title": "Mutual TLS",
            "description": "Whether workloads may also talk in the clear.",
            "enum": ["strict", "permissive"],
            "default": "strict",
            "x-order": 1,
        },
        "ingressReplicas": {
            "type": "integer",
            "title": "Ingress gateway's replicas",
            "description": "How many pods take what comes from outside.",
            "minimum": 1,
            "maximum": 10,
            "default": 1,
            "x-order": 2,
        },
    },
}


def _istio(asked: Request) -> list[Json]:
    return [
        definition(KIND, SCHEMA),
        resource(KIND, asked.settings),
        deployment(asked, cpu=100, memory=256),
        deployment(
            asked,
            name="service-mesh-ingress",
            replicas=asked.settings["ingressReplicas"],
            cpu=100,
            memory=128,
            extra=INGRESS,
        ),
        door("service-mesh-ingress", port=443, to=INGRESS),
    ]


module = Module(
    key="service-mesh",
    owner="networking",
    implementations={"istio": Implementation("Istio", _istio)},
    schema=SCHEMA,
    footprint=Footprint(cpu_millicores=200, memory_mib=384, replicas=2),
    interface=KIND,
)
