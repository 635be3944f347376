"""A module from elsewhere in a cluster: it takes over from ours unnoticed, is looked after and goes as cleanly as ours do."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controlplane.catalog.sourced import SourcedVersion
from controlplane.kernel.errors import Retry
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.inside import InsideApi
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.modules import ports
from provisioner.modules.base import GROUP, Implementation, Request
from provisioner.modules.installing import inspect, install, look, settle
from provisioner.modules.kept import Health, Notebook
from provisioner.modules.objects import SYSTEM
from provisioner.modules.registry import all_modules
from provisioner.modules.removing import remove
from provisioner.modules.rendering import Rendered, render
from provisioner.modules.sources.helm import Helm
from provisioner.modules.sources.rendering import make
from provisioner.runtimes.inside import ClusterApi, Json, ObjectRef
from provisioner.runtimes.spec import ClusterSpec
from tests.contracts.apiserver import ApiServer
from tests.contracts.drivers import Ground, ref
from tests.modules import CLUSTER, wish
from tests.sourcing import HELM, NO_HELM, our_chart, version

BUNDLE = """
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: streams.eventing.example.com, creationTimestamp: null}
spec:
  group: eventing.example.com
  scope: Namespaced
  preserveUnknownFields: false
  names: {kind: Stream, listKind: StreamList, plural: streams, singular: stream}
  versions:
    - name: v1
      served: true
      storage: true
      schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: eventing-broker}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: eventing-broker}
spec:
  serviceName: eventing
  selector: {matchLabels: {app: broker}}
  template:
    metadata: {labels: {app: broker}}
    spec:
      serviceAccountName: eventing-broker
      containers:
        - name: main
          image: registry.example.com/broker:2.13.0
          env: [{name: EMPTY, value: ""}]
          resources: {requests: {cpu: "0.05", memory: 131072Ki}, limits: {memory: 128Mi}}
---
apiVersion: v1
kind: Service
metadata: {name: eventing}
spec:
  selector: {app: broker}
  ports: [{name: main, port: 80}]
---
apiVersion: eventing.example.com/v1
kind: Stream
metadata: {name: platform}
"""
STREAM = {"apiVersion": "eventing.example.com/v1", "kind": "Stream"}
BROKER = ObjectRef("apps/v1", "StatefulSet", "eventing-broker", SYSTEM)
DEFINITION = ObjectRef("apiextensions.k8s.io/v1", "CustomResourceDefinition", "streams.eventing.example.com")


def renders(said: SourcedVersion, content: bytes, asked: Request) -> Sequence[Json]:
    made = make(said, content, all_modules()["eventing"], asked, Helm(HELM or "helm"))
    assert made.faults == ()
    return made.objects


def put_on_shelf(monkeypatch: pytest.MonkeyPatch, content: bytes, **entry: Any) -> None:
    said = version(content, **entry)
    found = Implementation("elsewhere", partial(renders, said, content), sourced=True)
    monkeypatch.setattr(ports, "sourced", lambda *asked: found if asked[1] == "upstream" else None)


def wanted(cluster: ClusterSpec, implementation: str, **settings: object) -> tuple[Rendered, ...]:
    eventing = wish("eventing", "2.13.0", implementation=implementation, settings=settings)
    return render(replace(cluster, modules=(wish("isolation"), eventing)))


def bring(api: ClusterApi, rendered: tuple[Rendered, ...], memory: Notebook, seconds: float = 20.0) -> None:
    """Install and settle, as the steps do it: again after a passing fault, until all is well and nothing lingers."""
    deadline, told = time.monotonic() + seconds, ""
    while time.monotonic() < deadline:
        try:
            install(api, rendered, memory)
        except Retry as fault:
            told = str(fault)
        else:
            sights = look(api, rendered)
            lingering = settle(api, rendered, sights, memory)
            told = " ".join(sight.message for sight in sights if sight.message)
            if not told and not lingering:
                return
        time.sleep(0.1)
    pytest.fail(f"not well in time: {told}")


def drift(api: ClusterApi, rendered: tuple[Rendered, ...]) -> list[str]:
    return [difference for sight in inspect(api, rendered) for difference in sight.drift]


def test_a_bundle_takes_over_from_ours_is_mended_and_goes_once_peoples_objects_have(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    ground.trouble()
    put_on_shelf(monkeypatch, BUNDLE.encode(), kind="manifests")
    cluster = ground.wish()
    ground.ready(cluster)
    memory = Notebook()
    with ground.driver.inside(ref(cluster)) as api:
        bring(api, wanted(cluster, "nats"), memory)
        own = ObjectRef(f"{GROUP}/v1", "Eventing", "default")
        before = api.get(own)
        rendered = wanted(cluster, "upstream")
        bring(api, rendered, memory)
        assert api.get(own) == before, "the tenant's interface is not even touched"
        assert memory.pages["eventing"].health is Health.HEALTHY
        assert api.get(ObjectRef("apps/v1", "Deployment", "eventing-nats", SYSTEM)) is None
        assert drift(api, rendered) == []
        broker = api.get(BROKER)
        assert broker is not None
        api.apply(
            {
                **broker,
                "metadata": {"name": BROKER.name, "namespace": SYSTEM},
                "spec": {**broker["spec"], "replicas": 0},
            }
        )
        api.delete(ObjectRef("v1", "Service", "eventing", SYSTEM))
        assert "Service nesoi-system/eventing is missing" in drift(api, rendered)
        bring(api, rendered, memory)
        assert drift(api, rendered) == []
        theirs = {**STREAM, "metadata": {"name": "orders", "namespace": "default"}}
        api.apply(theirs)
        hindered, _ = remove(api, ["eventing"], all_modules(), memory)
        assert "1 Stream (default/orders)" in hindered[0].detail
        assert api.get(BROKER) is not None, "nothing was touched"
        api.delete(ObjectRef.of(theirs))
        gone = list(memory.pages["eventing"].inventory)
        assert DEFINITION in gone
        assert remove(api, ["eventing"], all_modules(), memory) == ([], [])
        assert [ref for ref in gone if api.get(ref) is not None] == []


def test_a_real_api_server_takes_a_bundle_and_gives_back_what_it_said(
    apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _comes_and_stays(apiserver, monkeypatch, BUNDLE.encode(), kind="manifests")


@pytest.mark.skipif(HELM is None, reason=NO_HELM)
def test_a_real_api_server_takes_our_chart_and_gives_back_what_it_said(
    apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    _comes_and_stays(apiserver, monkeypatch, our_chart())


def _comes_and_stays(
    apiserver: ApiServer, monkeypatch: pytest.MonkeyPatch, content: bytes, **entry: Any
) -> None:
    """Nobody runs workloads there, so only what is stored is looked at; applied again, it stays as it was."""
    put_on_shelf(monkeypatch, content, **entry)
    client = KubeClient(
        parse_kubeconfig(Path(apiserver.kubeconfig).read_text()),
        name="the API server",
        timeout_seconds=10,
        landscape=False,
    )
    try:
        api, rendered = InsideApi(client, manager="nesoi"), wanted(CLUSTER, "upstream")
        deadline = time.monotonic() + 20.0
        while True:
            try:
                install(api, rendered, Notebook())
                break
            except Retry as fault:
                assert (fault.code, time.monotonic() < deadline) == ("kind_not_served", True)  # noqa: PT017
                time.sleep(0.1)
        assert drift(api, rendered) == []
        named = [ref for one in rendered for ref in one.inventory if ref.kind != "CustomResourceDefinition"]
        versions = {ref: _version(api, ref) for ref in named}
        install(api, rendered, Notebook())
        assert {ref: _version(api, ref) for ref in named} == versions, "again changes nothing"
        for ref in reversed(rendered[1].inventory):
            api.delete(ref)
    finally:
        client.close()


def _version(api: ClusterApi, ref: ObjectRef) -> str:
    live = api.get(ref)
    assert live is not None, ref
    return str(live["metadata"]["resourceVersion"])
