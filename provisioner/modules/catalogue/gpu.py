"""GPU operator: drivers, device plugin and monitoring for GPU worker pools."""

from __future__ import annotations

from provisioner.modules.base import CustomKind, Footprint, Implementation, Module, Request
from provisioner.modules.objects import (
    DRIVERS,
    bounds,
    daemon_set,
    definition,
    deployment,
    namespace,
    resource,
)
from provisioner.runtimes.inside import Json

KIND = CustomKind("GPU", "gpus", namespaced=False)
NODES = {"nvidia.com/gpu.present": "true"}  # as the node feature discovery labels them
# One driver on each node of the largest cluster that Kubernetes is made for: 5,000 nodes. A test holds the footprint against it.
QUOTA = {"requests.cpu": "250", "requests.memory": "625Gi", "pods": "5000"}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "sharing": {
            "type": "string",
            "title": "Sharing",
            "description": "Whether several pods may share one GPU.",
            "enum": ["none", "time-slicing"],
            "default": "none",
            "x-order": 1,
        }
    },
}


def _promised(asked: Request) -> list[Json]:
    return [
        namespace(DRIVERS, security="privileged"),  # a driver is loaded into the node's kernel
        *bounds(DRIVERS, QUOTA),
        definition(KIND, SCHEMA),
        resource(KIND, asked.settings),
    ]


def _nvidia(asked: Request) -> list[Json]:
    return [
        *_promised(asked),
        deployment(asked, cpu=30, memory=96),
        daemon_set(asked, name="gpu-driver", cpu=50, memory=128, nodes=NODES, place=DRIVERS),
    ]


module = Module(
    key="gpu",
    owner="compute",
    implementations={"nvidia": Implementation("NVIDIA GPU operator", _nvidia)},
    schema=SCHEMA,
    footprint=Footprint(30, 96, per_node_cpu_millicores=50, per_node_memory_mib=128, replicas=1),
    health=("CustomResourceDefinition", "Deployment", "DaemonSet", "Namespace"),
    interface=KIND,
    promise=_promised,
)
