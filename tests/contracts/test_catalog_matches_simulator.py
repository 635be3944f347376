"""Whatever the shipped catalog sells, the embedded landscape can build."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from provisioner.simulator.gardener.profiles import cloud_profile
from tests.reviewed import reviewed_catalog

CATALOG = reviewed_catalog()
each_provider = pytest.mark.parametrize("provider", ["aws", "azure", "gcp", "openstack"])


def spec(provider: str) -> dict[str, Any]:
    """The spec of the simulator's CloudProfile."""
    found: dict[str, Any] = cloud_profile(provider)["spec"]
    return found


@each_provider
def test_every_region_and_zone_exists(provider: str) -> None:
    zones = {
        region["name"]: {zone["name"] for zone in region["zones"]} for region in spec(provider)["regions"]
    }
    regions = CATALOG.of_provider("region", provider)
    assert regions
    for region in regions:
        assert set(region["zones"]) <= zones[region["name"]], region["name"]


@each_provider
def test_every_machine_type_exists_and_has_the_same_size(provider: str) -> None:
    offered = {machine["name"]: machine for machine in spec(provider)["machineTypes"]}
    machines = CATALOG.of_provider("machine_type", provider)
    assert machines
    for machine in machines:
        twin = offered[machine["name"]]
        assert int(twin["cpu"]) == machine["vcpu"], machine["name"]
        assert twin["memory"] == f"{Decimal(machine['memory_gib']):f}Gi", machine["name"]
        assert int(twin["gpu"]) == machine["gpus"], machine["name"]
        assert twin["architecture"] == machine["architecture"], machine["name"]


@each_provider
def test_every_release_can_be_built(provider: str) -> None:
    kubernetes = {version["version"] for version in spec(provider)["kubernetes"]["versions"]}
    images = {
        (image["name"], version["version"]): set(version["architectures"])
        for image in spec(provider)["machineImages"]
        for version in image["versions"]
    }
    assert CATALOG.rows["release"]
    for release in CATALOG.rows["release"].values():
        image = release["machine_image"]
        assert release["kubernetes_patch"] in kubernetes, release["key"]
        assert set(image["architectures"]) <= images[image["name"], image["version"]], release["key"]


@each_provider
def test_kubernetes_versions_end_on_the_same_day(provider: str) -> None:
    ends = {
        version["version"]: version.get("expirationDate", "")[:10]
        for version in spec(provider)["kubernetes"]["versions"]
    }
    for version in CATALOG.rows["kubernetes_version"].values():
        assert ends[version["patch"]] == (version["expires_on"] or ""), version["version"]
