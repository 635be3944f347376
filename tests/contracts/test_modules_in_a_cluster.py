"""All modules in a cluster of a landscape, and before a real API server where there is one."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from controlplane.kernel.errors import Retry
from provisioner.drivers.base import Role
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.inside import InsideApi
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.modules.base import GROUP
from provisioner.modules.installing import Sight, inspect, install, look, settle
from provisioner.modules.kept import Health, Notebook
from provisioner.modules.objects import SYSTEM
from provisioner.modules.registry import all_modules
from provisioner.modules.removing import remove
from provisioner.modules.rendering import Rendered, render
from provisioner.runtimes.inside import ClusterApi, ObjectRef
from provisioner.runtimes.spec import ClusterSpec, Taint, WorkerPool
from tests.contracts.apiserver import ApiServer
from tests.contracts.drivers import Ground, ref
from tests.modules import CLUSTER, wish

EVERY = [key for key in sorted(all_modules()) if key != "autoscaling"]
SYSTEM_POOL = WorkerPool(
    "system", "m6i.large", 1, 2, ("a",), taints=(Taint("nesoi.dev/system", "", "NoSchedule"),)
)


def wanted(cluster: ClusterSpec, telemetry: str = "otel") -> tuple[Rendered, ...]:
    order = ("isolation", *(key for key in EVERY if key != "isolation"))
    chosen = {"telemetry": {"implementation": telemetry}}
    return render(replace(cluster, modules=tuple(wish(key, **chosen.get(key, {})) for key in order)))


def settled(
    look_once: Callable[[], tuple[list[Sight], list[ObjectRef]]], seconds: float = 15.0
) -> list[Sight]:
    deadline = time.monotonic() + seconds
    while True:
        sights, lingering = look_once()
        unwell = [sight.message for sight in sights if sight.complaints]
        if not unwell and not lingering:
            return sights
        assert time.monotonic() < deadline, (unwell, lingering)
        time.sleep(0.1)


def bring(api: ClusterApi, rendered: tuple[Rendered, ...], memory: Notebook) -> None:
    deadline = time.monotonic() + 15.0
    while True:
        try:
            install(api, rendered, memory)
            break
        except Retry as fault:  # a real server serves a new kind a moment after its definition came
            assert fault.code == "kind_not_served"  # noqa: PT017
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_modules_come_change_hands_are_mended_and_go(ground: Ground) -> None:
    ground.trouble()  # skips where no cluster can be entered
    cluster = ground.wish()
    ground.ready(cluster)
    memory = Notebook()
    tenants = ObjectRef("v1", "Service", "telemetry", SYSTEM)
    with ground.driver.inside(ref(cluster)) as api:

        def looked(rendered: tuple[Rendered, ...]) -> tuple[list[Sight], list[ObjectRef]]:
            sights = look(api, rendered)
            return sights, settle(api, rendered, sights, memory)

        first, second = wanted(cluster), wanted(cluster, "vector")
        bring(api, first, memory)
        settled(lambda: looked(first))
        assert {one.health for one in memory.pages.values()} == {Health.HEALTHY}
        assert [sight.drift for sight in inspect(api, first) if sight.drift] == []
        before = api.get(tenants)
        bring(api, first, memory)
        bring(api, second, memory)
        settled(lambda: looked(second))
        assert api.get(tenants) == before, "not even touched"
        assert api.get(ObjectRef("apps/v1", "Deployment", "telemetry-otel-gateway", SYSTEM)) is None
        api.delete(tenants)
        assert [sight.drift for sight in inspect(api, second) if sight.drift] == [(f"{tenants} is missing",)]
        bring(api, second, memory)
        theirs = {
            "apiVersion": f"{GROUP}/v1",
            "kind": "Function",
            "metadata": {"name": "hello", "namespace": "default"},
            "spec": {"source": "…"},
        }
        api.apply(theirs)
        hindered, _ = remove(api, ["serverless"], all_modules(), memory)
        assert "1 Function (default/hello)" in hindered[0].detail
        api.delete(ObjectRef.of(theirs))
        assert remove(api, ["serverless"], all_modules(), memory) == ([], [])
        assert api.list(f"{GROUP}/v1", "Function") == []
        assert "serverless" not in memory.pages
    with ground.driver.inside(ref(cluster), role=Role.VIEW) as viewer:
        assert viewer.list("apps/v1", "Deployment", namespace=SYSTEM)
        assert viewer.list(f"{GROUP}/v1", "Subscription") == []


def test_a_real_api_server_takes_every_object_and_gives_back_what_we_said(apiserver: ApiServer) -> None:
    access = parse_kubeconfig(Path(apiserver.kubeconfig).read_text())
    client = KubeClient(access, name="the API server", timeout_seconds=10, landscape=False)
    try:
        api, memory = InsideApi(client, manager="nesoi"), Notebook()
        rendered = wanted(replace(CLUSTER, pools=(SYSTEM_POOL,)))
        bring(api, rendered, memory)
        assert [sight.drift for sight in inspect(api, rendered) if sight.drift] == []
        versions = {
            ref: (api.get(ref) or {})["metadata"]["resourceVersion"]
            for one in rendered
            for ref in one.inventory
        }
        bring(api, rendered, memory)
        quiet = {key for key in versions if key.kind != "CustomResourceDefinition"}
        assert {key: (api.get(key) or {})["metadata"]["resourceVersion"] for key in quiet} == {
            key: versions[key] for key in quiet
        }, "again changes nothing"
        policy = api.get(
            ObjectRef(
                "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "nesoi-keep-off-system-nodes"
            )
        )
        assert policy is not None
        assert not (policy.get("status") or {}).get("typeChecking", {}).get("expressionWarnings")
        _keeps_off(api)
        _keeps_out(InsideApi(client, manager="kubectl"), api)
    finally:
        client.close()


def _keeps_off(api: InsideApi) -> None:
    """Pods of tenants may not go where the platform's pods go; with the server's own admission, in its own words."""

    def pod(**spec: object) -> dict[str, object]:
        return {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "greedy", "namespace": "default"},
            "spec": {"containers": [{"name": "main", "image": "busybox"}], **spec},
        }

    from provisioner.drivers.kube.refusals import ApiRefused

    account = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "default", "namespace": "default"},
    }
    api.apply(account)
    greedy = [
        pod(tolerations=[{"operator": "Exists"}]),
        pod(tolerations=[{"key": "nesoi.dev/system", "operator": "Exists"}]),
        pod(nodeSelector={"nesoi.dev/system": "true"}),
        pod(nodeName="system-1"),
        pod(priorityClassName="nesoi-platform"),
    ]
    deadline = time.monotonic() + 20.0
    for document in greedy:
        while True:  # a policy comes into force a moment after it was written
            try:
                api.apply(document)
            except ApiRefused as refused:
                assert "nesoi-keep-off-system-nodes" in refused.message  # noqa: PT017
                break
            api.delete(ObjectRef.of(document))
            assert time.monotonic() < deadline, document
            time.sleep(0.2)
    fine = pod(tolerations=[{"key": "theirs", "operator": "Exists"}])
    api.apply(fine)
    assert api.get(ObjectRef.of(fine)) is not None


def _keeps_out(theirs: InsideApi, ours: InsideApi) -> None:
    """Whoever is no platform puts nothing into its namespaces, nor changes what is there; the platform does."""
    from provisioner.drivers.kube.refusals import ApiRefused

    name = ours.list("apps/v1", "Deployment", namespace=SYSTEM)[0]["metadata"]["name"]
    ours.apply(
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default", "namespace": SYSTEM}}
    )
    shut = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    intruder = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "intruder", "namespace": SYSTEM},
        "spec": {
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
            "containers": [{"name": "main", "image": "busybox", "securityContext": shut}],
        },
    }
    scaled = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name, "namespace": SYSTEM}, "spec": {"replicas": 0},
    }  # fmt: skip
    for document in (intruder, scaled):
        with pytest.raises(ApiRefused, match="nesoi-own-namespaces"):
            theirs.apply(document)
    ours.apply(intruder)
