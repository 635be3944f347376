"""At the door an object has the shape that the platform reads, and holds what JSON can say; or it is told what would be right."""

from __future__ import annotations

import pytest

from provisioner.modules.quantities import amount
from provisioner.modules.sources import documents
from provisioner.modules.sources.documents import MOST_DEPTH, MOST_OBJECTS, read_manifests, read_objects
from provisioner.modules.sources.faults import SourceInvalidError
from tests.sourcing import packed

ABOUT = "apiVersion: {api}\nkind: {kind}\nmetadata: {{name: a}}\n"


def config_map(more: str = "") -> str:
    return ABOUT.format(api="v1", kind="ConfigMap") + more + "\n"


def workload(more: str) -> str:
    return ABOUT.format(api="apps/v1", kind="Deployment") + f"spec: {more}\n"


def pod(more: str) -> str:
    return workload(f"{{template: {{spec: {more}}}}}")


def refused(text: str | bytes) -> str:
    with pytest.raises(SourceInvalidError) as error:
        read_manifests(text if isinstance(text, bytes) else text.encode())
    return f"{error.value.fault.code}: {error.value.fault.detail}"


UNSAYABLE = {
    "x: !!binary aGk=": "a bytes",
    "x: !!timestamp 2026-11-23": "a date",
    "x: !!set {a}": "a set",
    "x: !!omap [a: 1]": "a tuple",
    "x: !!python/object:os.system {}": "could not determine a constructor",
    "x: 9223372036854775808": "beyond 64 bits",
    "x: !!float .nan": "beyond 64 bits",
    "x: 1e999": "beyond 64 bits",
    f"x: {5000 * '9'}": "",
    'x: "a\\0b"': "character 0",
    '"a\\0b": x': "character 0",
    "x: 0x_": "can't be read",
    "~: x": "a key that is no text",
    "[a]: x": "unhashable key",
}


@pytest.mark.parametrize("more", UNSAYABLE)
def test_what_json_can_not_say_is_refused(more: str) -> None:
    told = refused(config_map(more))
    assert told.startswith("module_source_invalid: ")
    assert UNSAYABLE[more] in told


def test_keys_are_texts_as_kubernetes_makes_them() -> None:
    (read,) = read_objects(config_map("data: {on: 1, 2: x, 1.5: y, 2026-11-23: z}"))
    assert read["data"] == {"true": 1, "2": "x", "1.5": "y", "2026-11-23": "z"}


MISSHAPEN = {
    config_map().replace("name: a", "name: a/b"): "metadata.name must be a name",
    config_map().replace("name: a", "name: ['a']"): "metadata.name must be a name",
    config_map().replace("name: a", "name: a, namespace: 3"): "metadata.namespace must be a namespace",
    config_map().replace("name: a", "name: a, labels: {b: 3}"): "metadata.labels.b must be a text",
    config_map().replace(
        "name: a", "name: a, annotations: [b]"
    ): "metadata.annotations must be names with values",
    config_map().replace("v1", "v1/v1/v1"): "apiVersion must be",
    config_map().replace("ConfigMap", "3"): "kind must be",
    workload("[]"): "spec must be names with values",
    workload("{replicas: -1}"): "spec.replicas must be a whole number",
    workload("{replicas: true}"): "spec.replicas must be a whole number",
    workload("{paused: 'no'}"): "spec.paused must be true or false",
    pod("{containers: {}}"): "spec.template.spec.containers must be a list",
    pod("{containers: [3]}"): "containers.0 must be names with values",
    pod("{containers: [null]}"): "containers.0 must be names with values",
    pod("{containers: [{image: 'a b'}]}"): "containers.0.image must be the name of an image",
    pod("{containers: [{resources: {requests: {cpu: -1}}}]}"): "requests.cpu must be a quantity",
    pod("{containers: [{resources: {limits: {memory: 1e999999999}}}]}"): "",
    pod("{containers: [{resources: {limits: {memory: '1e999999999'}}}]}"): "limits.memory must be a quantity",
    pod("{containers: [{securityContext: {capabilities: {drop: ALL}}}]}"): "drop must be a list",
    pod("{volumes: [a]}"): "volumes.0 must be names with values",
    "apiVersion: v1\nkind: List\nitems: 3\n": "items are no list",
    "apiVersion: v1\nkind: List\nitems: [3]\n": "no Kubernetes object",
}


@pytest.mark.parametrize("text", MISSHAPEN)
def test_a_field_that_is_read_is_what_kubernetes_has_there(text: str) -> None:
    assert MISSHAPEN[text] in refused(text)


def test_a_null_is_left_out_and_what_nobody_reads_is_the_api_servers_to_judge() -> None:
    (read,) = read_objects(workload("{replicas: null, template: null, strategy: 3, selector: [x]}"))
    assert read["spec"]["strategy"] == 3


def test_bounds_hold_for_all_files_of_a_bundle_together(monkeypatch: pytest.MonkeyPatch) -> None:
    half = "---\n".join(
        config_map().replace("name: a", f"name: a{number}") for number in range(MOST_OBJECTS // 2 + 1)
    )
    assert "more than 400 objects" in refused(
        packed({"a.yaml": half, "b.yaml": half.replace("name: a", "name: b")})
    )
    monkeypatch.setattr(documents, "MOST_PARTS", 80)
    assert "more than 80 parts" in refused(
        packed({f"{name}.yaml": config_map(f"x: [{30 * 'a,'}]") for name in "ab"})
    )
    read_manifests(packed({"a.yaml": config_map(f"x: [{30 * 'a,'}]")}))


def test_what_goes_deeper_than_anybody_writes_is_refused() -> None:
    deep = MOST_DEPTH - 1
    read_objects(config_map(f"x: {deep * '['}{deep * ']'}"))
    assert "module_source_too_large" in refused(config_map(f"x: {(deep + 1) * '['}{(deep + 1) * ']'}"))


def test_a_quantity_is_within_what_kubernetes_counts_with() -> None:
    assert amount("8Ei") is None
    assert amount(2**63 - 1) == 2**63 - 1
    for text in ("9" * 31, "0" * 31, "1e31", "1e-31", "1e999999999", 10**5000, float("inf"), float("nan")):
        assert amount(text) is None
    assert amount("1e-3") == amount("1m")
