"""Whatever a bundle holds, it can be installed or is refused with words: nothing of it makes the platform stumble."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Iterator
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from provisioner.modules.drift import differences
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import digest_of
from provisioner.modules.sources.charts import chart_faults
from provisioner.modules.sources.documents import read_manifests
from provisioner.modules.sources.rendering import make
from provisioner.modules.sources.reviewing import review
from provisioner.runtimes.inside import Json, ObjectRef
from tests.sourcing import StubHelm, asked, our_chart, packed, version

EVENTING = all_modules()["eventing"]
GREEDY = dict.fromkeys(
    ("cpu_millicores", "memory_mib", "per_node_cpu_millicores", "per_node_memory_mib", "replicas"), 10**9
)
FEW = settings(max_examples=40, deadline=None, database=None, derandomize=True)
CONTAINER = {
    "name": "main",
    "image": "registry.example.com/a:1",
    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
    "securityContext": {"capabilities": {"drop": ["ALL"], "add": []}, "seccompProfile": {"type": "RuntimeDefault"}},
    "ports": [{"containerPort": 80}],
}  # fmt: skip
TEMPLATE = {
    "metadata": {"labels": {"app": "a"}},
    "spec": {
        "containers": [CONTAINER],
        "initContainers": [CONTAINER],
        "volumes": [{"name": "a", "emptyDir": {}}],
        "tolerations": [{"operator": "Exists"}],
        "nodeSelector": {"a": "b"},
        "securityContext": {"runAsNonRoot": True},
    },
}
WORKLOAD = {"replicas": 1, "template": TEMPLATE, "updateStrategy": {"rollingUpdate": {"partition": 0}}}
RBAC, HOOKS = "rbac.authorization.k8s.io/v1", "admissionregistration.k8s.io/v1"


def thing(kind: str, api: str = "v1", name: str = "thing", **fields: Any) -> Json:
    metadata = {"name": name, "labels": {"a": "b"}, "annotations": {"c": "d"}}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, **fields}


# Of every kind that is looked into, one that can come.
SOUND: list[Json] = [
    thing("ConfigMap", data={"a": "b"}),
    thing("Secret", stringData={}),
    *(thing(kind, "apps/v1", spec=WORKLOAD) for kind in ("Deployment", "StatefulSet", "DaemonSet")),
    thing("CronJob", "batch/v1", spec={"schedule": "@daily", "jobTemplate": {"spec": WORKLOAD}}),
    thing("HorizontalPodAutoscaler", "autoscaling/v2", spec={"scaleTargetRef": {"kind": "Deployment", "name": "x"}}),
    thing("RoleBinding", RBAC, roleRef={"kind": "Role", "name": "a"},
        subjects=[{"kind": "ServiceAccount", "name": "a", "namespace": "nesoi-system"}]),
    thing("ValidatingWebhookConfiguration", HOOKS, webhooks=[{
        "clientConfig": {"caBundle": "Cg=="}, "rules": [{"apiGroups": ["e.example.com"], "resources": ["streams"]}],
        "namespaceSelector": {"matchExpressions": [{"key": "a", "operator": "NotIn", "values": ["b"]}]},
    }]),
    thing("ClusterRole", RBAC, rules=[{"apiGroups": [""], "resources": ["pods"], "verbs": ["get"]}]),
    thing("NetworkPolicy", "networking.k8s.io/v1", spec={
        "podSelector": {"matchLabels": {"app": "a"}, "matchExpressions": [{"key": "b", "operator": "In", "values": ["c"]}]},
    }),
    thing("Service", spec={"externalIPs": [], "ports": [{"port": 80}]}),
    thing("ValidatingAdmissionPolicy", HOOKS, spec={"matchConstraints": {
        "namespaceSelector": {"matchLabels": {"a": "b"}},
        "resourceRules": [{"apiGroups": ["e.example.com"], "resources": ["streams"], "scope": "Namespaced"}],
    }}),
    thing("APIService", "apiregistration.k8s.io/v1", "v1.f.example.com", spec={"group": "f.example.com", "caBundle": ""}),
    thing("CustomResourceDefinition", "apiextensions.k8s.io/v1", "streams.e.example.com", spec={
        "group": "e.example.com", "names": {"kind": "Stream", "plural": "streams"}, "scope": "Namespaced",
        "versions": [{"name": "v1"}], "conversion": {"webhook": {"clientConfig": {"caBundle": ""}}},
    }),
    thing("Stream", "e.example.com/v1", spec={"servers": [{"port": {"number": 80}}, {"port": {"number": 81}}]}),
]  # fmt: skip
ODD: list[Any] = [
    None, "", "a", "a\0b", "\x1b[2J\n", "é" * 9, True, 0, -1, 3, 2**70, 1.5, float("inf"), float("nan"), "1e999999999",
    "9" * 40, b"\xff",
    [], [None], [3], ["a"], [[]], {}, {"a": None}, {1: 2}, {None: 1}, {True: "x"}, {"name": {}}, {"spec": 3}, "kube-system",
]  # fmt: skip


class _WrittenOut(yaml.CSafeDumper):
    """Writes what stands in several places several times."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def written(*documents: Any) -> bytes:
    return yaml.dump_all(documents, Dumper=_WrittenOut).encode()


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to every value inside one."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, one in inner:
        yield from paths(one, (*path, key))


def put(value: Any, path: tuple[Any, ...], odd: Any) -> Any:
    """Return a value with another one in this place."""
    if not path:
        return odd
    keys = value if isinstance(value, dict) else range(len(value))
    made = {key: put(value[key], path[1:], odd) if key == path[0] else value[key] for key in keys}
    return made if isinstance(value, dict) else list(made.values())


PLACES = [(index, path) for index, document in enumerate(SOUND) for path in paths(document)]


def is_taken_or_refused(content: bytes) -> None:
    """Review a bundle of manifests as the catalogue does; what comes through must be fit for a worker."""
    said = version(content, kind="manifests", footprint=GREEDY)
    faults, summary = review(said, content, EVENTING, ["1.34.8"], StubHelm(""))
    assert all(fault.code.startswith("module_") for fault in faults)
    if faults:
        assert all(fault.detail.isprintable() for fault in faults)
        return
    assert summary
    assert all(line.isprintable() for line in summary)
    objects = make(said, content, EVENTING, asked(), StubHelm("")).objects
    assert digest_of(objects) == digest_of(json.loads(json.dumps(objects, allow_nan=False)))
    for document in objects:
        assert hash(ObjectRef.of(document))
        assert differences(document, document) == []


def test_what_the_rubbish_is_made_of_is_sound() -> None:
    for document in SOUND[:-1]:
        content = written(document)
        said = version(content, kind="manifests", footprint=GREEDY)
        assert review(said, content, EVENTING, ["1.34.8"], StubHelm(""))[0] == []
    assert len(read_manifests(written(*SOUND))) == len(SOUND)


def test_entries_whose_port_has_fields_of_its_own_are_compared_in_their_order() -> None:
    gateway = SOUND[-1]
    assert differences(gateway, gateway) == []
    other = put(gateway, ("spec", "servers", 1, "port", "number"), 82)
    assert differences(gateway, other) == ["Stream thing: spec.servers.1.port.number"]


@FEW
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.sampled_from(ODD)), min_size=1, max_size=2))
def test_an_object_with_anything_anywhere_is_taken_or_refused(odds: list[tuple[Any, Any]]) -> None:
    for (index, path), odd in odds:
        try:
            is_taken_or_refused(written(put(SOUND[index], path, odd)))
        except yaml.representer.RepresenterError:
            continue


YAMLISH = st.sampled_from([*"[]{}:,-?&*!|>'\"%@`#~ \n\t", "- ", ": ", "---\n", "!!binary ", "!!set ", "!!timestamp ", "&a ", "*a",
    "<<: ", "0x_", "1e999",
    "kind: List\nitems: ", "apiVersion: v1\n", "metadata: ", "{name: a}", "\x00", "\ud800", "é"])  # fmt: skip


@FEW
@given(st.lists(st.one_of(YAMLISH, st.text(max_size=4)), max_size=12).map("".join) | st.binary(max_size=40))
def test_text_and_bytes_without_sense_are_taken_or_refused(said: str | bytes) -> None:
    is_taken_or_refused(said if isinstance(said, bytes) else said.encode(errors="surrogatepass"))


def archive() -> bytes:
    """Return an archive, not yet zipped, with long names, a folder and a header for all."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT, pax_headers={"comment": "x"}) as made:
        for name in ("a/Chart.yaml", f"a/{'n' * 120}.yaml"):
            entry = tarfile.TarInfo(name)
            entry.size = 40
            made.addfile(
                entry, io.BytesIO(b"name: a\nversion: 0.3.0\ndependencies: 3\n"[:40].ljust(40, b"#"))
            )
        folder = tarfile.TarInfo("a/charts")
        folder.type = tarfile.DIRTYPE
        made.addfile(folder)
    return raw.getvalue()


ARCHIVE = archive()
HEADERS = [at for at in range(0, len(ARCHIVE), 512) if ARCHIVE[at + 257 : at + 262] == b"ustar"]
# Where in a header: anywhere, or in its size, its sum and its type; what a sum says of changed bytes is put right again.
CHANGE = st.tuples(
    st.sampled_from(HEADERS), st.integers(0, 511) | st.integers(124, 156), st.binary(min_size=1, max_size=12)
)


def with_sums(tar: bytes) -> bytes:
    made = bytearray(tar)
    for at in HEADERS:
        made[at + 148 : at + 156] = b" " * 8
        made[at + 148 : at + 156] = f"{sum(made[at : at + 512]):06o}\0 ".encode()
    return bytes(made)


@FEW
@given(st.lists(CHANGE, max_size=3), st.booleans(), st.none() | st.integers(0, 300))
def test_damaged_archives_are_taken_or_refused(changes: list[Any], mended: bool, cut: int | None) -> None:
    made = bytearray(ARCHIVE)
    for header, offset, put_there in changes:
        made[header + offset : header + offset + len(put_there)] = put_there
    content = gzip.compress(with_sums(bytes(made)) if mended else bytes(made), mtime=0)[:cut]
    is_taken_or_refused(content)
    assert all(fault.detail.isprintable() for fault in chart_faults(content, "0.3.0"))


CHARTS: list[tuple[str, str]] = [
    ("dependencies: 3", "must be a list of names"),
    ("dependencies: [3]", "must be a list of names"),
    ("dependencies: [{version: 1}]", "must be a list of names"),
    ("dependencies: {name: a}", "must be a list of names"),
    ("a: &a [x]\nb: *a", "aliases"),
    ("type: [3]", "library"),
    ("? [a]\n: b", "unhashable key"),
    ("b: !!binary aGk=", "a bytes"),
    ("name: b\n---\nname: c", "something else than names"),
]


@pytest.mark.parametrize(("about", "said"), CHARTS)
def test_a_chart_that_says_odd_things_of_itself_is_refused(about: str, said: str) -> None:
    chart = our_chart(**{"eventing/Chart.yaml": f"version: 0.3.0\n{about}\n"})
    (fault,) = chart_faults(chart, "0.3.0")
    assert said in fault.detail


def test_a_file_where_charts_are_to_be_is_no_chart() -> None:
    about = "version: 0.3.0\ndependencies: [{name: b}]\n"
    (fault,) = chart_faults(packed({"a/Chart.yaml": about, "a/charts": "b"}), "0.3.0")
    assert fault.code == "module_source_incomplete"
