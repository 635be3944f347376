"""CloudProfiles: what each provider offers, from the YAML files in data/."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from provisioner.simulator.errors import Json

PROVIDERS = ("aws", "azure", "gcp", "openstack")
FOLDER = Path(__file__).parent / "data"


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine type; memory in GiB."""

    name: str
    cpu: int
    memory_gib: int
    gpus: int
    architecture: str


@cache
def _read(name: str) -> Any:
    return yaml.safe_load((FOLDER / f"{name}.yaml").read_text())


@cache
def machines(provider: str) -> dict[str, Machine]:
    """Return the machine types of a provider by name."""
    return {
        name: Machine(name, int(cpu), int(memory), int(gpus), str(architecture))
        for name, (cpu, memory, gpus, architecture) in _read(provider)["machines"].items()
    }


def cloud_profile(provider: str) -> Json:
    """Return the CloudProfile of a provider."""
    versions, offer = _read("versions"), _read(provider)
    return {
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "CloudProfile",
        "metadata": {"name": provider, "labels": {"provider.extensions.gardener.cloud/" + provider: "true"}},
        "spec": {
            "type": provider,
            "kubernetes": {"versions": [_version(each) for each in versions["kubernetes"]]},
            "machineImages": [
                {
                    "name": name,
                    "updateStrategy": "major",
                    "versions": [
                        {
                            **_version(each),
                            "architectures": ["amd64", "arm64"],
                            "cri": [{"name": "containerd"}],
                        }
                        for each in listed
                    ],
                }
                for name, listed in versions["machine_images"].items()
            ],
            "machineTypes": [_machine_type(machine) for machine in machines(provider).values()],
            "volumeTypes": [
                {"name": name, "class": "standard", "usable": True} for name in offer["volume_types"]
            ],
            "regions": [
                {"name": region, "zones": [{"name": zone} for zone in zones]}
                for region, zones in offer["regions"].items()
            ],
        },
    }


def _machine_type(machine: Machine) -> Json:
    return {
        "name": machine.name,
        "cpu": str(machine.cpu),
        "memory": f"{machine.memory_gib}Gi",
        "gpu": str(machine.gpus),
        "architecture": machine.architecture,
        "usable": True,
    }


def _version(each: Json) -> Json:
    found: Json = {"version": each["version"], "classification": each["classification"]}
    if "expires" in each:
        found["expirationDate"] = each["expires"]
    return found


def seed(provider: str) -> Json:
    """Return a Seed for a provider."""
    region = next(iter(_read(provider)["regions"]))
    return {
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "Seed",
        "metadata": {"name": f"seed-{provider}"},
        "spec": {
            "provider": {"type": provider, "region": region},
            "networks": {"nodes": "10.240.0.0/16", "pods": "100.128.0.0/11", "services": "100.72.0.0/13"},
        },
        "status": {
            "kubernetesVersion": "v1.35.4",
            "conditions": [{"type": "GardenletReady", "status": "True", "reason": "GardenletReady"}],
            "allocatable": {"shoots": "20000"},
        },
    }
