"""A ClusterSpec becomes a Shoot in Gardener's own words."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import ip_network
from typing import Any

import pytest

from controlplane.kernel.errors import Audience, Fatal
from provisioner.drivers.shoots.authentication import config_map_of
from provisioner.drivers.shoots.garden import cluster_name_length, garden_of
from provisioner.drivers.shoots.keeping import keep_versions
from provisioner.drivers.shoots.shoot import shoot_of
from provisioner.runtimes.spec import ClusterSpec, Networking, Taint, WorkerPool

GARDEN = garden_of({"namespace": "garden-nesoi", "credentials_bindings": {"aws": "core-aws"}})
POOL = WorkerPool("sys", "m5.large", 3, 20, ("eu-central-1a", "eu-central-1b", "eu-central-1c"), system=True)
CLUSTER = ClusterSpec(
    name="c1",
    provider="aws",
    region="eu-central-1",
    kubernetes_version="1.34.1",
    pools=(POOL,),
    labels={"nesoi.dev/runtime": "r1", "nesoi.dev/tenant": "archipel"},
    annotations={"nesoi.dev/generation": "3"},
)
ISSUER = {
    "issuerURL": "https://id.example.org",
    "clientID": "nesoi",
    "usernameClaim": "sub",
    "usernamePrefix": "-",
    "groupsClaim": "groups",
    "groupsPrefix": "-",
    "signingAlgs": ["RS256"],
    "requiredClaims": ["org=acme"],
}


def section(provider: str, zones: tuple[str, ...]) -> tuple[dict[str, Any], dict[str, Any]]:
    pool = replace(POOL, zones=zones)
    shoot = shoot_of(replace(CLUSTER, provider=provider, pools=(pool,)), GARDEN)
    return shoot["spec"]["provider"]["infrastructureConfig"], shoot["spec"]["provider"]["controlPlaneConfig"]


def test_a_shoot_names_its_profile_binding_version_and_owner() -> None:
    shoot = shoot_of(CLUSTER, GARDEN)
    assert shoot["metadata"]["labels"] == {"nesoi.dev/runtime": "r1", "nesoi.dev/tenant": "archipel"}
    assert shoot["metadata"]["annotations"] == {"nesoi.dev/generation": "3", "nesoi.dev/runtime": "r1"}
    spec = shoot["spec"]
    assert spec["cloudProfile"] == {"name": "aws"}
    assert spec["credentialsBindingName"] == "core-aws"
    assert spec["kubernetes"] == {"version": "1.34.1"}
    assert spec["hibernation"] == {"enabled": False}
    assert spec["maintenance"]["autoUpdate"]["kubernetesVersion"] is False
    assert "addons" not in spec
    assert "secretBindingName" not in spec


def test_a_shoot_names_the_installation_that_made_it_twice() -> None:
    garden = garden_of({"namespace": "garden-nesoi", "installation": "north"})
    metadata = shoot_of(CLUSTER, garden)["metadata"]
    assert metadata["labels"]["nesoi.dev/installation"] == "north"
    assert metadata["annotations"]["nesoi.dev/installation"] == "north"


def test_an_installation_is_named_as_a_label_can_say_it() -> None:
    with pytest.raises(Fatal, match="lower-case letters"):
        garden_of({"namespace": "garden-nesoi", "installation": "The North"})


def test_a_pool_keeps_its_labels_taints_zones_and_image() -> None:
    pool = replace(
        POOL, system=False, labels={"a": "b"}, annotations={"c": "d"}, taints=(Taint("k", "v", "NoSchedule"),)
    )
    image = {"name": "gardenlinux", "version": "1592.1.0"}
    worker = shoot_of(replace(CLUSTER, pools=(POOL, pool), machine_image=image), GARDEN)["spec"]["provider"][
        "workers"
    ][1]
    assert worker["systemComponents"] == {"allow": False}
    assert worker["labels"] == {"a": "b"}
    assert worker["annotations"] == {"c": "d"}
    assert worker["taints"] == [{"key": "k", "value": "v", "effect": "NoSchedule"}]
    assert worker["zones"] == list(POOL.zones)
    assert worker["maxSurge"] == 3
    assert worker["machine"] == {"type": "m5.large", "architecture": "amd64", "image": image}
    assert worker["volume"] == {"size": "50Gi", "type": "gp3"}


def test_subnets_on_aws_lie_in_the_nodes_network_and_never_overlap() -> None:
    infrastructure, _ = section("aws", POOL.zones)
    cut = [
        ip_network(zone[kind])
        for zone in infrastructure["networks"]["zones"]
        for kind in ("workers", "public", "internal")
    ]
    assert len(cut) == 9
    assert all(net.subnet_of(ip_network("10.250.0.0/16")) for net in cut)  # type: ignore[arg-type]
    assert not any(a.overlaps(b) for at, a in enumerate(cut) for b in cut[at + 1 :])


def test_a_zone_keeps_its_subnets_when_zones_are_added_before_it() -> None:
    alone, _ = section("aws", ("eu-central-1b",))
    joined, _ = section("aws", ("eu-central-1a", "eu-central-1b"))
    assert alone["networks"]["zones"][0] == joined["networks"]["zones"][1]


def test_azure_numbers_its_zones() -> None:
    infrastructure, _ = section("azure", ("1", "3"))
    assert infrastructure["zoned"] is True
    assert [zone["name"] for zone in infrastructure["networks"]["zones"]] == [1, 3]
    assert infrastructure["networks"]["vnet"] == {"cidr": "10.250.0.0/16"}


def test_gcp_has_one_workers_network_and_a_control_plane_zone() -> None:
    infrastructure, control_plane = section("gcp", ("europe-west3-a", "europe-west3-b"))
    assert infrastructure["networks"] == {"workers": "10.250.0.0/16"}
    assert control_plane["zone"] == "europe-west3-a"


def test_openstack_takes_its_pool_and_load_balancer_from_the_landscape() -> None:
    garden = garden_of({"namespace": "garden-x", "floating_pool": "ext", "load_balancer_provider": "f5"})
    cluster = replace(CLUSTER, provider="openstack")
    provider = shoot_of(cluster, garden)["spec"]["provider"]
    assert provider["infrastructureConfig"]["floatingPoolName"] == "ext"
    assert provider["controlPlaneConfig"]["loadBalancerProvider"] == "f5"
    assert "type" not in provider["workers"][0]["volume"]


def test_a_provider_without_sections_is_refused_in_words() -> None:
    with pytest.raises(Fatal, match="not on alicloud"):
        shoot_of(replace(CLUSTER, provider="alicloud"), GARDEN)


def test_a_nodes_network_that_is_too_small_is_the_tenants_to_correct() -> None:
    with pytest.raises(Fatal) as caught:
        shoot_of(replace(CLUSTER, networking=Networking(nodes="10.0.0.0/24")), GARDEN)
    assert caught.value.audience is Audience.TENANT


def test_allowed_networks_become_the_acl_extension_and_none_leaves_it_out() -> None:
    assert "extensions" not in shoot_of(CLUSTER, GARDEN)["spec"]
    shoot = shoot_of(replace(CLUSTER, allowed_cidrs=("192.0.2.0/24",)), GARDEN)
    rule = shoot["spec"]["extensions"][0]["providerConfig"]["rule"]
    assert rule == {"action": "ALLOW", "type": "remote_ip", "cidrs": ["192.0.2.0/24"]}


def test_a_tenants_list_never_locks_us_out() -> None:
    garden = garden_of({"namespace": "garden-x", "own_cidrs": ["198.51.100.7/32", "192.0.2.0/24"]})
    assert "extensions" not in shoot_of(CLUSTER, garden)["spec"]
    (acl,) = shoot_of(replace(CLUSTER, allowed_cidrs=("192.0.2.0/24",)), garden)["spec"]["extensions"]
    assert acl["providerConfig"]["rule"]["cidrs"] == ["192.0.2.0/24", "198.51.100.7/32"]


def test_ingress_filtering_becomes_blackhole_routes_beside_the_acl() -> None:
    shoot = shoot_of(replace(CLUSTER, ingress_filtering=True, allowed_cidrs=("192.0.2.0/24",)), GARDEN)
    acl, networking = shoot["spec"]["extensions"]
    assert acl["type"] == "acl"
    assert networking == {
        "type": "shoot-networking-filter",
        "providerConfig": {"egressFilter": {"blackholingEnabled": True}},
    }


def test_identity_providers_become_a_config_map_whose_name_follows_its_content() -> None:
    cluster = replace(CLUSTER, oidc=(ISSUER,))
    config_map = config_map_of(cluster, GARDEN)
    assert config_map is not None
    reference = shoot_of(cluster, GARDEN)["spec"]["kubernetes"]["kubeAPIServer"]["structuredAuthentication"]
    assert reference == {"configMapName": config_map["metadata"]["name"]}
    jwt = json.loads(config_map["data"]["config.yaml"])["jwt"][0]
    assert jwt["issuer"] == {"url": "https://id.example.org", "audiences": ["nesoi"]}
    assert jwt["claimMappings"]["username"] == {"claim": "sub", "prefix": ""}
    assert jwt["claimValidationRules"] == [{"claim": "org", "requiredValue": "acme"}]
    other = config_map_of(replace(cluster, oidc=({**ISSUER, "clientID": "else"},)), GARDEN)
    assert other is not None
    assert other["metadata"]["name"] != config_map["metadata"]["name"]


def test_the_projects_name_takes_from_the_clusters_name() -> None:
    assert cluster_name_length({"namespace": "garden-nesoi", "project": "nesoi"}) == 16
    assert cluster_name_length({"namespace": "garden-a"}) == 20
    with pytest.raises(Fatal, match="leaves 1 characters"):
        cluster_name_length({"namespace": "garden-x", "project": "a" * 20})


def test_settings_without_a_namespace_are_refused_in_words() -> None:
    with pytest.raises(Fatal, match="name no namespace"):
        garden_of({})


@pytest.mark.parametrize(
    ("wanted", "live", "kept"),
    [
        ("1.34", "1.34.5", "1.34.5"),
        ("1.34.1", "1.34.5", "1.34.5"),
        ("1.35.0", "1.34.5", "1.35.0"),
        ("1.34.10", "1.34.9", "1.34.10"),
    ],
)
def test_a_version_never_goes_back(wanted: str, live: str, kept: str) -> None:
    shoot = shoot_of(replace(CLUSTER, kubernetes_version=wanted), GARDEN)
    assert (
        keep_versions(shoot, {"spec": {"kubernetes": {"version": live}}})["spec"]["kubernetes"]["version"]
        == kept
    )


def test_an_image_that_no_release_names_stays_what_it_is() -> None:
    live = {
        "spec": {
            "provider": {
                "workers": [{"name": "sys", "machine": {"image": {"name": "gl", "version": "2.0.0"}}}]
            }
        }
    }
    kept = keep_versions(shoot_of(CLUSTER, GARDEN), live)
    assert kept["spec"]["provider"]["workers"][0]["machine"]["image"] == {"name": "gl", "version": "2.0.0"}
