"""Which kinds an endpoint serves: one line per kind, in a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

READ = ("get", "list", "watch")
ALL = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One served kind; `list_maps` holds the merge keys of a custom kind's lists, by path."""

    group: str
    version: str
    kind: str
    plural: str
    namespaced: bool = True
    short: tuple[str, ...] = ()
    subresources: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL
    categories: tuple[str, ...] = ()
    custom: bool = False
    list_maps: Mapping[tuple[str, ...], tuple[str, ...]] = field(default_factory=dict)
    columns: tuple[Mapping[str, str], ...] = ()

    @property
    def api_version(self) -> str:
        """Return `v1` or `group/version`."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def key(self) -> tuple[str, str]:
        """Return what names the collection; versions of one kind share it."""
        return (self.group, self.plural)

    @property
    def has_status(self) -> bool:
        """Say whether status is written through its own subresource."""
        return "status" in self.subresources


Kinds = dict[tuple[str, str, str], Resource]

CORE = """
v1 Namespace namespaces cluster ns status
v1 Secret secrets namespaced - -
v1 ConfigMap configmaps namespaced cm -
v1 Event events namespaced ev -
v1 ServiceAccount serviceaccounts namespaced sa token
coordination.k8s.io/v1 Lease leases namespaced - -
rbac.authorization.k8s.io/v1 Role roles namespaced - -
rbac.authorization.k8s.io/v1 RoleBinding rolebindings namespaced - -
rbac.authorization.k8s.io/v1 ClusterRole clusterroles cluster - -
rbac.authorization.k8s.io/v1 ClusterRoleBinding clusterrolebindings cluster - -
events.k8s.io/v1 Event events namespaced ev -
authorization.k8s.io/v1 SelfSubjectAccessReview selfsubjectaccessreviews cluster create -
authorization.k8s.io/v1 SelfSubjectRulesReview selfsubjectrulesreviews cluster create -
authorization.k8s.io/v1 SubjectAccessReview subjectaccessreviews cluster create -
authentication.k8s.io/v1 SelfSubjectReview selfsubjectreviews cluster create -
authentication.k8s.io/v1 TokenReview tokenreviews cluster create -
"""

GARDEN = """
core.gardener.cloud/v1beta1 Shoot shoots namespaced - status,adminkubeconfig,viewerkubeconfig,binding
core.gardener.cloud/v1beta1 CloudProfile cloudprofiles cluster cprofile -
core.gardener.cloud/v1beta1 Project projects cluster - status
core.gardener.cloud/v1beta1 Seed seeds cluster - status
core.gardener.cloud/v1beta1 Quota quotas namespaced - -
core.gardener.cloud/v1beta1 SecretBinding secretbindings namespaced sb -
security.gardener.cloud/v1alpha1 CredentialsBinding credentialsbindings namespaced cb -
"""

RUNTIME = """
v1 Node nodes cluster no status
v1 Pod pods namespaced po status,eviction,binding
v1 Service services namespaced svc status
v1 Endpoints endpoints namespaced ep -
v1 PersistentVolume persistentvolumes cluster pv status
v1 PersistentVolumeClaim persistentvolumeclaims namespaced pvc status
v1 ResourceQuota resourcequotas namespaced quota status
v1 LimitRange limitranges namespaced limits -
v1 ReplicationController replicationcontrollers namespaced rc status,scale
v1 PodTemplate podtemplates namespaced - -
apps/v1 Deployment deployments namespaced deploy status,scale
apps/v1 ReplicaSet replicasets namespaced rs status,scale
apps/v1 StatefulSet statefulsets namespaced sts status,scale
apps/v1 DaemonSet daemonsets namespaced ds status
apps/v1 ControllerRevision controllerrevisions namespaced - -
batch/v1 Job jobs namespaced - status
batch/v1 CronJob cronjobs namespaced cj status
networking.k8s.io/v1 NetworkPolicy networkpolicies namespaced netpol -
networking.k8s.io/v1 Ingress ingresses namespaced ing status
networking.k8s.io/v1 IngressClass ingressclasses cluster - -
policy/v1 PodDisruptionBudget poddisruptionbudgets namespaced pdb status
admissionregistration.k8s.io/v1 ValidatingWebhookConfiguration validatingwebhookconfigurations cluster - -
admissionregistration.k8s.io/v1 MutatingWebhookConfiguration mutatingwebhookconfigurations cluster - -
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicy validatingadmissionpolicies cluster - status
admissionregistration.k8s.io/v1 ValidatingAdmissionPolicyBinding validatingadmissionpolicybindings cluster - -
apiextensions.k8s.io/v1 CustomResourceDefinition customresourcedefinitions cluster crd,crds status
apiregistration.k8s.io/v1 APIService apiservices cluster - status
autoscaling/v2 HorizontalPodAutoscaler horizontalpodautoscalers namespaced hpa status
storage.k8s.io/v1 StorageClass storageclasses cluster sc -
storage.k8s.io/v1 VolumeAttributesClass volumeattributesclasses cluster vac -
storage.k8s.io/v1 CSIDriver csidrivers cluster - -
storage.k8s.io/v1 CSINode csinodes cluster - -
storage.k8s.io/v1 VolumeAttachment volumeattachments cluster - status
scheduling.k8s.io/v1 PriorityClass priorityclasses cluster pc -
node.k8s.io/v1 RuntimeClass runtimeclasses cluster - -
discovery.k8s.io/v1 EndpointSlice endpointslices namespaced - -
snapshot.storage.k8s.io/v1 VolumeSnapshot volumesnapshots namespaced vs status
snapshot.storage.k8s.io/v1 VolumeSnapshotClass volumesnapshotclasses cluster vsclass -
snapshot.storage.k8s.io/v1 VolumeSnapshotContent volumesnapshotcontents cluster vsc status
metrics.k8s.io/v1beta1 NodeMetrics nodes cluster get,list -
metrics.k8s.io/v1beta1 PodMetrics pods namespaced get,list -
"""

EVERYTHING = frozenset(
    [
        "pods",
        "services",
        "deployments",
        "replicasets",
        "statefulsets",
        "daemonsets",
        "jobs",
        "cronjobs",
        "replicationcontrollers",
        "horizontalpodautoscalers",
    ]
)


def _words(text: str) -> tuple[str, ...]:
    return () if text == "-" else tuple(text.split(","))


def parse_table(text: str) -> Kinds:
    """Read `group/version Kind plural scope short subresources`, one kind a line.

    The short-name column of a kind that is not stored names its verbs instead.
    """
    kinds: Kinds = {}
    for line in text.split("\n"):
        if not line:
            continue
        api_version, kind, plural, scope, short, sub = line.split()
        group, _, version = api_version.rpartition("/")
        words = _words(short)
        virtual = bool(words) and all(word in (*ALL,) for word in words)
        kinds[(group, version, plural)] = Resource(
            group=group,
            version=version,
            kind=kind,
            plural=plural,
            namespaced=scope == "namespaced",
            short=() if virtual else words,
            subresources=_words(sub),
            verbs=words if virtual else ALL,
            categories=("all",) if plural in EVERYTHING and group != "metrics.k8s.io" else (),
        )
    return kinds


GARDEN_KINDS = parse_table(CORE + GARDEN)
RUNTIME_KINDS = parse_table(CORE + RUNTIME)
