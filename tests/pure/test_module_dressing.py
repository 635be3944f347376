"""Whatever a bundle says, its objects come as the platform's own do, or not at all."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from controlplane.catalog.sourced import SourcedVersion
from provisioner.modules import ports
from provisioner.modules.base import Footprint, Implementation, Request
from provisioner.modules.catalogue.isolation import quota
from provisioner.modules.images import Images
from provisioner.modules.objects import MODULE, PRIORITY, SYSTEM, SYSTEM_NODES
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import render
from provisioner.modules.sources.documents import read_objects
from provisioner.modules.sources.rendering import Made, make
from provisioner.modules.sources.reviewing import footprint_of, review
from provisioner.runtimes.inside import Json
from tests.modules import cluster, wish
from tests.sourcing import StubHelm, asked, our_chart, version

EVENTING = all_modules()["eventing"]
IMAGE = "registry.example.com/broker:1.0"
BOUNDS = "resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 64Mi}}"


def workload(
    kind: str = "Deployment", *, pod: str = "", container: str = BOUNDS, image: str = IMAGE, **meta: str
) -> str:
    names = ", ".join(f"{key}: {value}" for key, value in {"name": "broker", **meta}.items())
    return f"""
apiVersion: apps/v1
kind: {kind}
metadata: {{{names}}}
spec:
  selector: {{matchLabels: {{app: broker}}}}
  template:
    metadata: {{labels: {{app: broker}}}}
    spec:
      {pod}
      containers:
        - name: main
          image: {image}
          {container}
"""


def made(text: str, request: Request | None = None, **entry: Any) -> Made:
    content = text.encode()
    return make(
        version(content, kind="manifests", **entry), content, EVENTING, request or asked(), StubHelm("")
    )


def codes(text: str, **entry: Any) -> list[str]:
    return [fault.code for fault in made(text, **entry).faults]


def pod(document: Json) -> Any:
    return document["spec"]["template"]["spec"]


def test_a_workload_gets_the_platforms_place_priority_nodes_security_and_mark() -> None:
    got = made(
        workload(pod="priorityClassName: theirs\n      nodeSelector: {disk: fast}"), asked(system_pool=True)
    )
    assert got.faults == ()
    (document,) = got.objects
    spec = pod(document)
    assert document["metadata"]["namespace"] == SYSTEM
    assert document["spec"]["template"]["metadata"]["labels"] == {"app": "broker", MODULE: "eventing"}
    assert document["spec"]["selector"] == {"matchLabels": {"app": "broker"}}
    assert spec["priorityClassName"] == PRIORITY
    assert spec["nodeSelector"] == {"disk": "fast", SYSTEM_NODES: "true"}
    assert [one["key"] for one in spec["tolerations"]] == [SYSTEM_NODES]
    assert spec["containers"][0]["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "capabilities": {"drop": ["ALL"]},
        "runAsNonRoot": True,
        "seccompProfile": {"type": "RuntimeDefault"},
    }


def test_without_nodes_of_the_platforms_own_a_workload_stays_where_it_wants() -> None:
    spec = pod(made(workload(pod="nodeSelector: {disk: fast}")).objects[0])
    assert (spec["nodeSelector"], spec.get("tolerations")) == ({"disk": "fast"}, None)
    assert pod(made(workload("DaemonSet")).objects[0])["tolerations"] == [{"operator": "Exists"}]


def test_the_same_bundle_comes_as_the_same_objects_and_what_was_read_stays_as_it_was() -> None:
    content = workload().encode()
    said = version(content, kind="manifests")
    first = make(said, content, EVENTING, asked(system_pool=True), StubHelm(""))
    assert first == make(said, content, EVENTING, asked(system_pool=True), StubHelm(""))


def test_what_says_no_requests_is_refused_or_gets_those_of_the_catalogue() -> None:
    assert codes(workload(container="")) == ["module_requests_missing"]
    assert codes(workload(container="resources: {requests: {cpu: 1, memory: 1Gi}}")) == [
        "module_requests_missing"
    ]
    given = {"cpu": "20m", "memory": "48Mi"}
    for key in ("main", "broker/main"):
        got = made(workload(container=""), resources={key: given})
        assert got.faults == ()
        assert pod(got.objects[0])["containers"][0]["resources"] == {
            "requests": given,
            "limits": {"memory": "48Mi"},
        }


SECURITY = {
    "hostNetwork": ("hostNetwork: true", BOUNDS),
    "volumes.host.hostPath": ("volumes: [{name: host, hostPath: {path: /}}]", BOUNDS),
    "runAsNonRoot": ("securityContext: {runAsNonRoot: false}", BOUNDS),
    "runAsUser": ("securityContext: {runAsUser: 0}", BOUNDS),
    "privileged": ("", f"{BOUNDS}\n          securityContext: {{privileged: true}}"),
    "allowPrivilegeEscalation": (
        "",
        f"{BOUNDS}\n          securityContext: {{allowPrivilegeEscalation: true}}",
    ),
    "capabilities.add": ("", f"{BOUNDS}\n          securityContext: {{capabilities: {{add: [SYS_ADMIN]}}}}"),
    "capabilities.drop": ("", f"{BOUNDS}\n          securityContext: {{capabilities: {{drop: []}}}}"),
    "seccompProfile": ("", f"{BOUNDS}\n          securityContext: {{seccompProfile: {{type: Unconfined}}}}"),
    "hostPort": ("", f"{BOUNDS}\n          ports: [{{containerPort: 80, hostPort: 80}}]"),
}


@pytest.mark.parametrize("field", SECURITY)
def test_pods_that_the_namespace_would_not_let_in_are_refused_before_they_come(field: str) -> None:
    spec, container = SECURITY[field]
    (fault,) = made(workload(pod=spec, container=container)).faults
    assert fault.code == "module_security"
    assert field in fault.detail


def test_a_module_with_a_place_for_drivers_may_reach_into_nodes_there() -> None:
    text = workload("DaemonSet", pod="hostNetwork: true")
    gpu = all_modules()["gpu"]
    said = SourcedVersion(
        "gpu/x@1.0", "gpu", "x", "1.0", {"kind": "manifests", "url": "", "digest": ""}, "nesoi-drivers"
    )
    request = Request("gpu", "x", "1.0", {"sharing": "none"}, asked().cluster)
    got = make(said, text.encode(), gpu, request, StubHelm(""))
    assert got.faults == ()
    assert got.objects[0]["metadata"]["namespace"] == "nesoi-drivers"
    assert "securityContext" not in pod(got.objects[0])["containers"][0]


IMAGES = {
    "broker:1.0": "module_image_registry",
    "team/broker:1.0": "module_image_registry",
    "registry.example.com/broker": "module_image_floating",
    "registry.example.com:5000/broker:latest": "module_image_floating",
    "registry.example.com/broker@sha256:" + 64 * "0": "",
}


@pytest.mark.parametrize("image", IMAGES)
def test_an_image_says_from_where_and_which(image: str) -> None:
    assert codes(workload(image=image)) == [IMAGES[image]] * bool(IMAGES[image])


def test_images_come_from_this_installations_registry_and_mirrors(monkeypatch: pytest.MonkeyPatch) -> None:
    mirrors = {"registry.example.com": "mirror.example.net/upstream", "*": "mirror.example.net/all"}
    monkeypatch.setattr(ports, "images", Images("mirror.example.net/nesoi", mirrors))
    told = {
        image: pod(made(workload(image=image)).objects[0])["containers"][0]["image"]
        for image in ("registry.example.com/a/b:1", "other.example.com/c:2", "d:3")
    }
    assert list(told.values()) == [
        "mirror.example.net/upstream/a/b:1",
        "mirror.example.net/all/other.example.com/c:2",
        "mirror.example.net/all/d:3",
    ]
    assert [ports.images.mirrored(image) for image in told.values()] == list(told.values())
    rendered = EVENTING.implementations["nats"].render(asked())
    image = next(pod(one)["containers"][0]["image"] for one in rendered if one["kind"] == "Deployment")
    assert image == "mirror.example.net/nesoi/eventing/upstream:2.13.0"


def other(kind: str, api: str = "v1", more: str = "", **meta: str) -> str:
    names = ", ".join(f"{key}: {value}" for key, value in {"name": "thing", **meta}.items())
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{{names}}}\n{more}\n"


SELECTED = "{podSelector: {matchLabels: {app: broker}}}"
REFUSED = {
    "a bare pod": (other("Pod"), "module_object_kind"),
    "a job": (other("Job", "batch/v1"), "module_object_kind"),
    "a claim": (other("PersistentVolumeClaim"), "module_object_kind"),
    "a quota": (other("ResourceQuota"), "module_object_kind"),
    "a kind that nothing defines": (other("ServiceMonitor", "monitoring.example.com/v1"), "module_object_kind"),
    "another namespace": (other("Namespace", name="theirs"), "module_object_kind"),
    "something in kube-system": (other("ConfigMap", namespace="kube-system"), "module_object_place"),
    "something in a tenant's": (other("Service", namespace="default"), "module_object_place"),
    "a name of the platform's": (
        other("ClusterRole", "rbac.authorization.k8s.io/v1", name="nesoi-admin"), "module_object_reserved"),
    "the platform's own policy": (
        other("NetworkPolicy", "networking.k8s.io/v1", f"spec: {SELECTED}", name="default-deny"), "module_object_reserved"),
    "a secret with data": (other("Secret", more="data: {key: c2VjcmV0}"), "module_object_secret"),
    "a hook": (other("ConfigMap", annotations="{helm.sh/hook: pre-install}"), "module_object_hook"),
    "the same twice": (f"{other('ConfigMap')}---\n{other('ConfigMap')}", "module_object_twice"),
    "a workload without pods": (other("Deployment", "apps/v1", "spec: {}"), "module_object_invalid"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_what_is_not_a_modules_to_bring_is_refused_with_a_remedy(what: str) -> None:
    text, code = REFUSED[what]
    fault, *more = made(text).faults
    assert fault.code == code
    assert len(fault.detail) > 40
    assert [one.code for one in more] == ["module_object_taken"] * (what == "the platform's own policy")


def test_what_upstream_brings_and_others_write_into_is_taken_without_it() -> None:
    text = "---\n".join(
        (
            other("Namespace", name=SYSTEM),
            other("Secret"),
            other("ConfigMap", annotations="{helm.sh/hook: test}"),
            other(
                "RoleBinding",
                "rbac.authorization.k8s.io/v1",
                "roleRef: {kind: Role, name: extension-apiserver-authentication-reader}",
                namespace="kube-system",
            ),
            other(
                "ValidatingWebhookConfiguration",
                "admissionregistration.k8s.io/v1",
                "webhooks: [{name: a.example.com, clientConfig: {caBundle: Cg==, service: {name: a}}}]",
            ),
            other(
                "ClusterRole",
                "rbac.authorization.k8s.io/v1",
                "rules: []\naggregationRule: {clusterRoleSelectors: []}",
            ),
            other("Service", more="spec: {selector: {app: a}, clusterIP: null}\nstatus: {loadBalancer: {}}"),
        )
    )
    got = made(text)
    assert (got.faults, got.left_out) == ((), 2)
    by_kind = {one["kind"]: one for one in got.objects}
    assert by_kind["ValidatingWebhookConfiguration"]["webhooks"] == [
        {"name": "a.example.com", "clientConfig": {"service": {"name": "a"}}}
    ]
    assert "rules" not in by_kind["ClusterRole"]
    assert by_kind["Service"] == {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "thing", "namespace": SYSTEM},
        "spec": {"selector": {"app": "a"}},
    }
    assert got.objects[-1]["kind"] == "ValidatingWebhookConfiguration", "once somebody answers it"


def test_a_bundle_is_moved_out_of_the_namespace_that_it_was_made_for() -> None:
    binding = "subjects: [{kind: ServiceAccount, name: a, namespace: theirs}]"
    hook = "webhooks: [{name: a.example.com, clientConfig: {service: {name: a, namespace: theirs}}}]"
    text = "---\n".join(
        (
            other("Namespace", name="theirs"),
            other("ServiceAccount", namespace="theirs"),
            other("ClusterRoleBinding", "rbac.authorization.k8s.io/v1", binding),
            other("ValidatingWebhookConfiguration", "admissionregistration.k8s.io/v1", hook),
            other("ConfigMap", namespace="default"),
        )
    )
    content = text.encode()
    said = version(content, kind="manifests")
    said = replace(said, source={**said.source, "namespace": "theirs"})
    got = make(said, content, EVENTING, asked(), StubHelm(""))
    assert [fault.code for fault in got.faults] == ["module_object_place"], (
        "another one's stays where it is not let in"
    )
    by_kind = {one["kind"]: one for one in got.objects}
    assert by_kind["ServiceAccount"]["metadata"]["namespace"] == SYSTEM
    assert by_kind["ClusterRoleBinding"]["subjects"][0]["namespace"] == SYSTEM
    webhook = by_kind["ValidatingWebhookConfiguration"]["webhooks"][0]
    assert webhook["clientConfig"]["service"]["namespace"] == SYSTEM
    assert got.left_out == 1
    assert Counter(fault.code for fault in made(text).faults) == {
        "module_object_kind": 1,
        "module_object_place": 2,
        "module_object_reserved": 2,
    }, "not unless its source says so"


def test_replicas_that_an_autoscaler_of_the_bundle_sets_are_left_to_it() -> None:
    target = "spec: {scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: broker}}"
    text = workload().replace("spec:", "spec:\n  replicas: 3", 1)
    scaled = made(f"{text}---\n{other('HorizontalPodAutoscaler', 'autoscaling/v2', target)}")
    assert "replicas" not in scaled.objects[0]["spec"]
    assert made(text).objects[0]["spec"]["replicas"] == 3


def test_a_kind_that_the_bundle_defines_may_come_and_definitions_come_first() -> None:
    names = "{kind: Stream, plural: streams}"
    spec = f"spec: {{group: e.example.com, scope: Namespaced, names: {names}, versions: []}}"
    text = "---\n".join(
        (
            other("Stream", "e.example.com/v1"),
            workload(),
            other("CustomResourceDefinition", "apiextensions.k8s.io/v1", spec, name="streams.e.example.com"),
        )
    )
    got = made(text)
    assert got.faults == ()
    assert [one["kind"] for one in got.objects] == ["CustomResourceDefinition", "Deployment", "Stream"]
    assert got.objects[2]["metadata"]["namespace"] == SYSTEM


def test_a_footprint_counts_replicas_nodes_and_the_greediest_that_runs_before() -> None:
    before = "initContainers: [{name: a, image: b, resources: {requests: {cpu: '1', memory: 32Mi}}}]"
    text = f"{workload(pod=before)}---\n{workload('DaemonSet', name='agent')}"
    objects = read_objects(text)
    objects[0]["spec"]["replicas"] = 2
    assert footprint_of(objects) == Footprint(2000, 128, 50, 64, 2)


def told(text: str, *printed: str, **entry: Any) -> dict[str, str]:
    """Review our chart, rendered to this; return its faults by code."""
    chart = our_chart()
    said = version(chart, **entry)
    faults, _ = review(said, chart, EVENTING, ["1.34.8", "1.35.4"], StubHelm(text, *printed))
    return {fault.code: fault.detail for fault in faults}


def test_a_chart_that_renders_differently_every_time_is_refused() -> None:
    texts = (other("ConfigMap", more=f"data: {{password: {word}}}") for word in ("a", "b"))
    assert "renders differently every time (thing)" in told(*texts)["module_source_floating"]


def test_what_takes_more_than_its_module_declares_is_refused_until_the_catalogue_says_so() -> None:
    greedy = workload(container=BOUNDS.replace("50m", "400m").replace("64Mi", "1Gi"))
    detail = told(greedy)["module_footprint_exceeded"]
    assert "footprint: {cpu_millicores: 400, memory_mib: 1024}" in detail
    assert told(greedy, footprint={"cpu_millicores": 400, "memory_mib": 1024}) == {}


def test_a_source_says_nothing_of_what_its_module_does_not_have() -> None:
    taken = told(workload(), implementation="nats")
    assert list(taken) == ["module_implementation_taken"]
    assert "retentionHours" in told(workload(), settings={"retention": "a.b"})["module_setting_unknown"]
    assert (
        "being false"
        in told(workload(), settings={"highAvailability": {"path": "replicas", "choices": {"true": 3}}})[
            "module_setting_unknown"
        ]
    )
    twice = {"retentionHours": "a", "cluster.name": "a"}
    assert "same path" in told(workload(), settings=twice)["module_setting_unknown"]
    assert list(told(workload(), namespace="kube-system")) == ["module_object_place"]
    found, _ = review(version(b""), b"", None, ["1.34.8"], StubHelm(""))
    assert [fault.code for fault in found] == ["module_unknown"]


def test_what_a_source_takes_more_than_its_module_widens_the_platforms_quota_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def hard(footprint: Footprint) -> dict[str, str]:
        found = Implementation("elsewhere", lambda _: [], sourced=True, footprint=footprint)
        monkeypatch.setattr(ports, "sourced", lambda *_: found)
        isolation, _ = render(cluster(wish("isolation"), wish("eventing", implementation="upstream")))
        quotas = [one for one in isolation.objects if one["kind"] == "ResourceQuota"]
        return dict(next(one["spec"]["hard"] for one in quotas if one["metadata"]["namespace"] == SYSTEM))

    assert hard(EVENTING.footprint) == hard(Footprint()) == quota(0)
    greedy = Footprint(cpu_millicores=2050, memory_mib=4096 + 128, replicas=4)
    narrow, wide = quota(0), hard(greedy)
    assert int(wide["requests.cpu"]) == int(narrow["requests.cpu"]) + 4
    assert int(wide["requests.memory"][:-2]) == int(narrow["requests.memory"][:-2]) + 8
    assert int(wide["pods"]) == int(narrow["pods"]) + 6
