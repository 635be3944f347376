"""The whole way of a chart: from a registry by the catalogue's files into a runtime, set by its tenant, and out again."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from kubernetes import client, config

from controlplane.catalog import facts
from controlplane.catalog.loading.apply import apply_catalog
from controlplane.catalog.loading.catalog import DATA
from controlplane.catalog.models import Content
from controlplane.catalog.releasing import point_channel, publish_release
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from provisioner.lifecycle.modules import add_module, configure_module, remove_module
from provisioner.modules.models import RuntimeModule
from provisioner.runtimes.models import Runtime
from tests.db.test_granting_access import fulfil
from tests.plugins.simulator import Simulator
from tests.sourcing import HELM, NO_HELM, our_chart, registry
from tests.world import World, landscape, order

pytestmark = [pytest.mark.django_db, pytest.mark.skipif(HELM is None, reason=NO_HELM)]
ENTRY = """
    versions:
      - version: 2.13.0
        source:
          kind: chart
          url: oci://{host}/charts/eventing
          version: 0.3.0
          digest: {digest}
        values: {{image: registry.example.com/eventing/nats:2.13.0}}
        settings:
          retentionHours: {{path: retention, text: "{{}}h"}}
          highAvailability: {{path: replicas, choices: {{"true": 3, "false": 1}}}}
          cluster.name: clusterName
"""
BROKER = ("eventing-broker", "nesoi-system")
STREAMS: dict[str, Any] = {
    "group": "eventing.example.com",
    "version": "v1",
    "plural": "streams",
    "namespace": "default",
}
LINE = "    description: Publishes and subscribes to CloudEvents, with at-least-once delivery.\n"


def publish(world: World, folder: Path, host: str, digest: str) -> None:
    """Let the catalogue's files name the chart, publish a release with it, and point the channel there."""
    shutil.copytree(DATA, folder)
    modules, release = folder / "modules.yaml", folder / "releases" / "2026.12.1.yaml"
    modules.write_text(modules.read_text().replace(LINE, LINE + ENTRY.format(host=host, digest=digest)))
    release.write_text(release.read_text().replace("eventing: 2.12.4", "eventing: upstream@2.13.0"))
    apply_catalog(actor=Actor(name="operator:ada"), directory=folder)
    assert Content.objects.count() == 2, "the manifest, and the chart that it names"
    publish_release(actor=world.sam.actor, key="2026.12.1")
    point_channel(actor=world.sam.actor, key="regular", release="2026.12.1")


def row(runtime: Runtime) -> tuple[str, str, str, str]:
    found = RuntimeModule.objects.get(runtime=runtime, key="eventing")
    return found.implementation, found.observed_version, found.state, found.health


def test_a_chart_comes_from_a_registry_into_a_runtime_and_goes_again(
    world: World, simulator: Simulator, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facts, "_kept", None)
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    settings.HELM_BINARY, settings.CATALOG_DIR = HELM, str(tmp_path / "catalog")
    settings.MODULE_SOURCE_NETWORKS = ["127.0.0.0/8"]
    landscape("charted", kubeconfig=simulator.kubeconfig)
    with registry(tmp_path) as shelf:
        shelf.token = "t0ken"
        settings.MODULE_SOURCE_AUTHORITIES = shelf.certificate
        publish(world, tmp_path / "catalog", shelf.host, shelf.push("charts/eventing", our_chart()))
    # The registry is gone: what workers need is in the database.
    operation = order(world)
    runtime: Runtime = operation.runtime
    fulfil(operation)
    who: dict[str, Any] = {"actor": world.alice.actor, "runtime_id": runtime.pk, "module": "eventing"}
    _, added = add_module(**who)
    assert added is not None
    fulfil(added)
    assert row(runtime) == ("upstream", "2.13.0", "installed", "healthy")
    kubeconfig = str(simulator.kubeconfig_of(runtime.cluster_name))
    with config.new_client_from_config(kubeconfig) as api:  # type: ignore[no-untyped-call]
        apps: Any = client.AppsV1Api(api)
        core: Any = client.CoreV1Api(api)
        assert apps.read_namespaced_stateful_set(*BROKER).status.ready_replicas == 1
        said = core.read_namespaced_config_map(*BROKER).data
        assert said == {"retention": "24h", "cluster": runtime.cluster_name}
        _, changed = configure_module(**who, settings={"retentionHours": 2, "highAvailability": True})
        assert changed is not None
        fulfil(changed)
        assert core.read_namespaced_config_map(*BROKER).data["retention"] == "2h"
        assert apps.read_namespaced_stateful_set(*BROKER).status.ready_replicas == 3
        goes_once_peoples_objects_have(client.CustomObjectsApi(api), who)
        assert not RuntimeModule.objects.filter(runtime=runtime, key="eventing").exists()
        assert apps.list_namespaced_stateful_set("nesoi-system").items == []
    simulator.delete_shoot(runtime.cluster_name)


def goes_once_peoples_objects_have(custom: Any, who: dict[str, Any]) -> None:
    """Remove the module: refused while there is an object of a kind that the chart brought."""
    stream = {"apiVersion": "eventing.example.com/v1", "kind": "Stream", "metadata": {"name": "orders"}}
    custom.create_namespaced_custom_object(**STREAMS, body=stream)
    with pytest.raises(Refused, match=r"1 Stream \(default/orders\)") as refused:
        remove_module(**who)
    assert refused.value.code == "module_in_use"
    custom.delete_namespaced_custom_object(**STREAMS, name="orders")
    _, removed = remove_module(**who)
    assert removed is not None
    fulfil(removed)
