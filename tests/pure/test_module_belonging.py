"""No bundle takes what is Kubernetes', the landscape's, the platform's or another module's, nor gives it away."""

from __future__ import annotations

from dataclasses import replace

import pytest

from controlplane.catalog.sourced import SourcedVersion
from controlplane.kernel.errors import Audience, Fatal
from provisioner.modules import ports
from provisioner.modules.base import Implementation
from provisioner.modules.installing import install
from provisioner.modules.kept import Notebook
from provisioner.modules.objects import MODULE, SYSTEM
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import render
from provisioner.modules.sources.faults import SourceFault
from provisioner.modules.sources.helm import Helm
from provisioner.modules.sources.rendering import make
from provisioner.modules.sources.together import shared_faults
from tests.modules import Island, cluster, wish
from tests.sourcing import StubHelm, asked, our_chart, version

EVENTING = all_modules()["eventing"]
GPU = SourcedVersion(
    "gpu/x@1.0", "gpu", "x", "1.0", {"kind": "manifests", "url": "", "digest": ""}, "nesoi-drivers"
)
TELEMETRY = SourcedVersion(
    "telemetry/upstream@1.0.0",
    "telemetry",
    "upstream",
    "1.0.0",
    {"kind": "manifests", "url": "", "digest": ""},
)
RBAC, HOOKS = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"
NETWORK, STORAGE = "networking.k8s.io/v1", "storage.k8s.io/v1"
OURS = "{kind: ServiceAccount, name: broker, namespace: nesoi-system}"


def one(api: str, kind: str, name: str = "broker", body: str = "", **meta: str) -> str:
    said = ", ".join(f"{key}: {value}" for key, value in {"name": f"'{name}'", **meta}.items())
    return f"apiVersion: {api}\nkind: {kind}\nmetadata: {{{said}}}\n{body}\n"


def definition(
    group: str, *, plural: str = "streams", kind: str = "Stream", scope: str = "Namespaced"
) -> str:
    spec = f"{{group: {group!r}, scope: {scope}, names: {{kind: {kind}, plural: {plural}}}, versions: [{{name: v1}}]}}"
    return one("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"{plural}.{group}", f"spec: {spec}")


def service(name: str, namespace: str = SYSTEM) -> str:
    group = name.partition(".")[2]
    spec = f"spec: {{group: {group!r}, version: v1, service: {{name: broker, namespace: {namespace}}}}}"
    return one("apiregistration.k8s.io/v1", "APIService", name, spec)


def binding(
    subject: str, role: str = "{kind: ClusterRole, name: broker}", kind: str = "ClusterRoleBinding"
) -> str:
    return one(RBAC, kind, body=f"roleRef: {role}\nsubjects: [{subject}]")


def delegation(role: str = "Role", subject: str = OURS, name: str = "broker") -> str:
    reader = f"{{kind: {role}, name: extension-apiserver-authentication-reader}}"
    return one(
        RBAC, "RoleBinding", name, f"roleRef: {reader}\nsubjects: [{subject}]", namespace="kube-system"
    )


def aggregated(group: str, to: str = "view") -> str:
    labels = f"{{rbac.authorization.k8s.io/aggregate-to-{to}: 'true'}}"
    rules = f"rules: [{{apiGroups: ['{group}'], resources: [streams], verbs: [get]}}]"
    return one(RBAC, "ClusterRole", body=rules, labels=labels)


def faults(*documents: str) -> list[SourceFault]:
    content = "---\n".join(documents).encode()
    return list(make(version(content, kind="manifests"), content, EVENTING, asked(), StubHelm("")).faults)


TAKEN = {
    "a role of Kubernetes'": (one(RBAC, "ClusterRole", "cluster-admin"), "ClusterRole cluster-admin is Kubernetes' own"),
    "the role of viewers": (one(RBAC, "ClusterRole", "view"), "is Kubernetes' own"),
    "a role of a controller": (one(RBAC, "ClusterRole", "system:node"), "is Kubernetes' own"),
    "a binding of masters": (one(RBAC, "ClusterRoleBinding", "cluster-admin"), "is Kubernetes' own"),
    "a binding of a controller": (one(RBAC, "ClusterRoleBinding", "system:basic-user"), "is Kubernetes' own"),
    "a role of Gardener's": (one(RBAC, "ClusterRole", "gardener.cloud:admin"), "is the landscape's own"),
    "a role of the network's": (one(RBAC, "ClusterRole", "calico-node"), "is the landscape's own"),
    "a delegation of the landscape's": (delegation(name="metrics-server-auth-reader"), "is the landscape's own"),
    "a delegation of Kubernetes'": (
        delegation(name="system::extension-apiserver-authentication-reader"), "is Kubernetes' own"),
    "who administrates": (one(RBAC, "ClusterRoleBinding", "nesoi-administrators"), "is the platform's own"),
    "a policy of isolation": (one(HOOKS, "ValidatingAdmissionPolicy", "nesoi-own-namespaces"), "is the platform's own"),
    "authorities of a namespace": (one("v1", "ConfigMap", "kube-root-ca.crt"), "is Kubernetes' own"),
    "the account of everything": (one("v1", "ServiceAccount", "default"), "is Kubernetes' own"),
    "a disk driver": (one(STORAGE, "CSIDriver", "ebs.csi.aws.com"), "is the landscape's own"),
    "a class of disks": (one(STORAGE, "StorageClass", "default"), "is the landscape's own"),
    "a sandbox": (one("node.k8s.io/v1", "RuntimeClass", "gvisor"), "is the landscape's own"),
    "metrics of nodes": (service("v1beta1.metrics.k8s.io"), "'metrics.k8s.io', which is Kubernetes' own"),
    "workloads of Kubernetes'": (service("v1.apps"), "'apps', which is Kubernetes' own"),
    "the core": (service("v1."), "'', which is Kubernetes' own"),
    "kinds of modules": (service("v1.modules.nesoi.dev"), "take a group of your own"),
    "a definition of the network's": (definition("crd.projectcalico.org"), "is the landscape's own"),
    "a definition of Gardener's": (definition("resources.gardener.cloud"), "is the landscape's own"),
    "a definition of snapshots": (definition("snapshot.storage.k8s.io"), "is Kubernetes' own"),
    "another module's definition": (definition("modules.nesoi.dev", plural="gpus"), "is the platform's own"),
    "a definition beside ours": (definition("more.nesoi.dev"), "is the platform's own"),
    "disks by default": (
        one(STORAGE, "StorageClass", annotations="{storageclass.kubernetes.io/is-default-class: 'true'}"),
        "what everybody gets who asks for none"),
    "ways in by default": (
        one(NETWORK, "IngressClass", annotations="{ingressclass.kubernetes.io/is-default-class: 'true'}"),
        "what everybody gets who asks for none"),
    "rights for everybody": (binding("{kind: Group, name: 'system:authenticated'}"), "the group system:authenticated"),
    "rights for nobody in particular": (binding("{kind: User, name: 'system:anonymous'}"), "the user system:anonymous"),
    "rights for a tenant's account": (
        binding("{kind: ServiceAccount, name: broker, namespace: default}"), "in the namespace default"),
    "rights for all of the platform": (
        binding("{kind: ServiceAccount, name: default, namespace: nesoi-system}"), "nesoi-system/default"),
    "rights in the landscape's namespace": (delegation("ClusterRole"), "names a ClusterRole"),
    "a reader from elsewhere": (
        delegation(subject="{kind: ServiceAccount, name: a, namespace: default}"), "in the namespace default"),
    "a reader of nowhere": (delegation(subject="{kind: ServiceAccount, name: a}"), "in the namespace kube-system"),
    "rights for an account of nowhere": (binding("{kind: ServiceAccount, name: a}"), "in no namespace"),
    "more for viewers": (aggregated("*"), "widens the roles view that tenants have"),
    "secrets for viewers": (aggregated(""), "not the bundle's own (core)"),
    "roles of roles for editors": (
        aggregated("e.example.com", "edit") + "aggregationRule: {clusterRoleSelectors: [{}]}\n", "widens the roles edit"),
    "a network for all": (one(NETWORK, "NetworkPolicy", body="spec: {podSelector: {}}"), "for every pod of the platform"),
    "a network for all but some": (
        one(NETWORK, "NetworkPolicy", body="spec: {podSelector: {matchExpressions: [{key: a, operator: DoesNotExist}]}}"),
        "for every pod of the platform"),
    "another module's network": (
        one(NETWORK, "NetworkPolicy", body=f"spec: {{podSelector: {{matchLabels: {{{MODULE}: gpu}}}}}}"),
        "for every pod of the platform"),
    "others' addresses": (one("v1", "Service", body="spec: {externalIPs: [10.0.0.1]}"), "spec.externalIPs"),
}  # fmt: skip


@pytest.mark.parametrize("what", TAKEN)
def test_what_is_somebody_elses_is_refused_with_whose_it_is(what: str) -> None:
    text, said = TAKEN[what]
    found = faults(text) if "aggregationRule" not in text else faults(text, definition("e.example.com"))
    assert {fault.code for fault in found} <= {"module_object_reserved", "module_object_taken"}
    assert said in "\n".join(fault.detail for fault in found if fault.code == "module_object_reserved")


def test_what_upstream_brings_for_itself_is_let_in() -> None:
    metrics = "{kind: ServiceAccount, name: horizontal-pod-autoscaler, namespace: kube-system}"
    selector = "spec: {podSelector: {matchLabels: {app: broker}}}"
    assert faults(
        definition("keda.example.com"),
        definition("gateway.networking.k8s.io", plural="gateways", kind="Gateway"),
        definition("jobset.x-k8s.io", plural="jobsets", kind="JobSet"),
        definition("modules.nesoi.dev", plural="subscriptions", kind="Subscription"),
        one("gateway.networking.k8s.io/v1", "Gateway"),
        service("v1beta1.external.metrics.k8s.io"),
        aggregated("keda.example.com", "edit"),
        binding(f"{OURS}, {metrics}", "{kind: ClusterRole, name: 'system:auth-delegator'}"),
        delegation(),
        binding("{kind: ServiceAccount, name: broker}", kind="RoleBinding"),
        one(NETWORK, "NetworkPolicy", body=selector),
        one(NETWORK, "NetworkPolicy", "own", body=f"spec: {{podSelector: {{matchLabels: {{{MODULE}: eventing}}}}}}"),
        one(STORAGE, "StorageClass"),
        one("v1", "ServiceAccount"),
        one(RBAC, "ClusterRole", "system:vpa-actor"),
    ) == []  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (definition("batch", plural="jobs", kind="Job") + "---\n" + one("batch/v1", "Job"), "Job"),
        (definition("", plural="pods", kind="Pod", scope="Cluster") + "---\n" + one("v1", "Pod"), "Pod"),
        (definition("scheduling.k8s.io", plural="priorityclasses", kind="PriorityClass", scope="Cluster")
         + "---\n" + one("scheduling.k8s.io/v1", "PriorityClass", "system-node-critical"), "PriorityClass"),
    ],
)  # fmt: skip
def test_no_definition_lets_in_what_is_not_a_modules(text: str, kind: str) -> None:
    found = {fault.code: fault.detail for fault in faults(text)}
    assert found.keys() == {"module_object_reserved", "module_object_kind"}
    assert found["module_object_kind"].startswith(f"{kind} ")


def test_the_same_object_in_two_versions_of_its_kind_is_there_twice() -> None:
    scaler = "spec: {scaleTargetRef: {kind: Deployment, name: broker}}"
    found = faults(*(one(f"autoscaling/{it}", "HorizontalPodAutoscaler", body=scaler) for it in ("v1", "v2")))
    assert [fault.code for fault in found] == ["module_object_twice"]


@pytest.mark.parametrize(
    ("text", "name", "owner"),
    [
        (one("v1", "Service", "telemetry"), "Service nesoi-system/telemetry", "telemetry"),
        (one("apps/v1", "Deployment", "autoscaling-keda"), "Deployment nesoi-system/autoscaling-keda", "autoscaling"),
        (one(NETWORK, "NetworkPolicy", "default-deny", "spec: {podSelector: {matchLabels: {app: a}}}"),
         "NetworkPolicy nesoi-system/default-deny", "isolation"),
        (service("v1.modules.nesoi.dev"), "APIService v1.modules.nesoi.dev", "gpu"),
    ],
)  # fmt: skip
def test_an_object_of_another_module_is_refused_with_both_named(text: str, name: str, owner: str) -> None:
    said = [fault.detail for fault in faults(text) if fault.code == "module_object_taken"]
    assert any(one.startswith(f"{name} comes with module eventing and with module {owner}:") for one in said)


def together(first: str, *others: str, helm: Helm | None = None) -> list[tuple[str, str]]:
    """Ask of a chart of eventing, rendered to the first text, and manifests of telemetry with the others."""
    brought = [(version(our_chart()), our_chart()), *((TELEMETRY, text.encode()) for text in others)]
    found = shared_faults(brought, "1.34.8", helm or StubHelm(first))
    return [
        (module, fault.detail if fault.code == "module_object_taken" else fault.code)
        for module, fault in found
    ]


def test_two_modules_of_a_release_that_bring_the_same_object_are_both_named() -> None:
    same = "---\n".join((one("v1", "ConfigMap", "same"), one("v1", "ConfigMap", "telemetry-only")))
    assert together(one("v1", "ConfigMap", "other"), same) == []
    ((module, said),) = together(one("v1", "ConfigMap", "same"), same)
    assert module == "eventing"
    assert said.startswith("ConfigMap nesoi-system/same comes with module eventing and with module telemetry")
    ((_, said),) = together(service("v1.e.example.com"), definition("e.example.com"))
    assert said.startswith("APIService v1.e.example.com comes with module eventing and with module telemetry")
    assert together("a: [", same) == [("eventing", "module_source_invalid")]
    assert together("", same, helm=Helm("no-such-helm")) == [("eventing", "helm_missing")]


def test_pods_of_two_modules_of_a_release_are_not_taken_for_one_another() -> None:
    def door(app: str) -> str:
        return one("v1", "Service", "door", f"spec: {{selector: {{app: {app}}}}}")

    pods = one(
        "apps/v1",
        "Deployment",
        "theirs",
        "spec: {template: {metadata: {labels: {app: controller}}, spec: {}}}",
    )
    assert together(door("broker"), pods) == []
    assert together(door("controller"), pods) == [("telemetry", "module_object_reserved")]
    budget = one(
        "policy/v1", "PodDisruptionBudget", "own", "spec: {selector: {matchLabels: {app: controller}}}"
    )
    assert ("eventing", "module_object_reserved") in together(budget, pods)


def test_no_runtime_gets_the_same_object_from_two_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "same", "namespace": SYSTEM}}
    found = Implementation("elsewhere", lambda _: [thing], sourced=True)
    monkeypatch.setattr(ports, "sourced", lambda *_: found)
    wishes = [wish(key, implementation="upstream") for key in ("eventing", "autoscaling")]
    assert len(render(cluster(wishes[0]))) == 1
    with pytest.raises(
        Fatal, match=r"eventing and autoscaling both bring ConfigMap nesoi-system/same"
    ) as told:
        render(cluster(*wishes))
    assert (told.value.code, told.value.audience) == ("module_object_taken", Audience.SRE), (
        "the release's fault"
    )
    chosen = [wishes[0], replace(wishes[1], channel="rapid")]
    with pytest.raises(Fatal, match="No module changes until one of them is taken away") as told:
        render(cluster(*chosen))
    assert told.value.audience is Audience.TENANT, "the release that runs by default was tried"


def test_pods_of_other_namespaces_are_nobodys_here() -> None:
    """Telemetry's agents run in the platform's namespace, which a budget of drivers does not reach."""
    budget = one(
        "policy/v1", "PodDisruptionBudget", "b", f"spec: {{selector: {{matchLabels: {{{THEIRS}}}}}}}"
    )
    request = replace(asked(), key="gpu", settings={"sharing": "none"})
    for namespace, count in (("nesoi-drivers", 0), (SYSTEM, 1)):
        content = budget.replace("name: 'b'", f"name: b, namespace: {namespace}").encode()
        assert len(make(GPU, content, all_modules()["gpu"], request, StubHelm("")).faults) == count


THEIRS = "app.kubernetes.io/name: telemetry-vector"
CONFUSED = {
    "a network by a name that all have": (
        one(NETWORK, "NetworkPolicy", body="spec: {podSelector: {matchExpressions: "
            "[{key: app.kubernetes.io/name, operator: Exists}]}}"), "selects the pods of module"),
    "another module's network": (
        one(NETWORK, "NetworkPolicy", body=f"spec: {{podSelector: {{matchLabels: {{{THEIRS}}}}}}}"),
        "selects the pods of module telemetry"),
    "a budget for all": (
        one("policy/v1", "PodDisruptionBudget", body="spec: {maxUnavailable: 0, selector: {}}"), "selects the pods of module"),
    "pods that another module lets everybody in to": (
        one("apps/v1", "Deployment", body="""spec:
  template:
    metadata: {labels: {nesoi.dev/role: ingress}}
    spec:
      containers:
        - name: main
          image: registry.example.com/driver:1.0
          resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Mi}}
"""), "of module service-mesh asks for"),
    "another module's replicas": (
        one("autoscaling/v2", "HorizontalPodAutoscaler",
            body="spec: {scaleTargetRef: {kind: Deployment, name: telemetry-vector}}"),
        "scales the Deployment telemetry-vector of module telemetry"),
}  # fmt: skip


@pytest.mark.parametrize("what", CONFUSED)
def test_pods_of_modules_are_not_taken_for_one_another(what: str) -> None:
    text, said = CONFUSED[what]
    (fault,) = faults(text)
    assert fault.code == "module_object_reserved"
    assert said in fault.detail


@pytest.mark.parametrize(
    "field", ["ownerReferences: [{name: a}]", "resourceVersion: '1'", "uid: a", "managedFields: []"]
)
def test_what_only_an_api_server_writes_is_no_bundles_to_say(field: str) -> None:
    name, _, value = field.partition(": ")
    ((code, said),) = [
        (fault.code, fault.detail) for fault in faults(one("v1", "ConfigMap", **{name: value}))
    ]
    assert code == "module_object_invalid"
    assert f"({name})" in said


def test_pods_are_judged_by_the_namespace_that_they_are_in() -> None:
    text = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: driver, namespace: NAMESPACE}
spec:
  template:
    spec:
      hostNetwork: true
      containers:
        - name: main
          image: registry.example.com/driver:1.0
          securityContext: {privileged: true}
          resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Mi}}
"""
    for namespace, codes in (("nesoi-drivers", set()), (SYSTEM, {"module_security"})):
        content = text.replace("NAMESPACE", namespace).encode()
        request = replace(asked(), key="gpu", settings={"sharing": "none"})
        got = make(GPU, content, all_modules()["gpu"], request, StubHelm(""))
        assert {fault.code for fault in got.faults} == codes


def test_what_somebody_else_put_into_a_cluster_is_not_taken_over(monkeypatch: pytest.MonkeyPatch) -> None:
    thing = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "same", "namespace": SYSTEM}}
    found = Implementation("elsewhere", lambda _: [thing], sourced=True)
    monkeypatch.setattr(ports, "sourced", lambda *_: found)
    rendered = render(cluster(wish("eventing", implementation="upstream")))
    island, memory = Island(), Notebook()
    ref = rendered[0].inventory[-1]
    island.objects[ref] = {"metadata": {"name": "same", "labels": {"app": "theirs"}}}
    with pytest.raises(
        Fatal, match=r"ConfigMap nesoi-system/same is there already, and not of the platform"
    ) as told:
        install(island, rendered, memory)
    assert told.value.code == "module_object_there"
    assert (memory.pages, island.names()) == ({}, {"same"}), "nothing was touched"
    del island.objects[ref]
    install(island, rendered, memory)
    del island.objects[ref]["metadata"]["labels"]
    install(island, rendered, memory)
    assert MODULE in island.objects[ref]["metadata"]["labels"], (
        "what is remembered is ours, whoever took our mark away"
    )
