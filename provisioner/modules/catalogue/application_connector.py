"""Application connector: connects external systems over mutually authenticated channels."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import definition, deployment, resource
from provisioner.runtimes.inside import Json

KIND = CustomKind("ApplicationConnector", "applicationconnectors", namespaced=False)
APPLICATIONS = CustomKind("Application", "applications", namespaced=False)
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "certificateDays": {
            "type": "integer",
            "title": "Days that a client's certificate lives",
            "minimum": 1,
            "maximum": 365,
            "default": 90,
            "x-unit": "days",
            "x-order": 1,
        }
    },
}


def _connector(asked: Request) -> list[Json]:
    return [
        definition(KIND, SCHEMA),
        definition(APPLICATIONS),
        resource(KIND, asked.settings),
        deployment(asked, cpu=30, memory=96),
    ]


module = Module(
    key="application-connector",
    owner="integration",
    implementations={"connector": Implementation("A gateway of our own", _connector)},
    requires=("service-mesh",),
    schema=SCHEMA,
    footprint=Footprint(cpu_millicores=30, memory_mib=96, replicas=1),
    interface=KIND,
    data=(APPLICATIONS,),
)
