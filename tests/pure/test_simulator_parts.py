"""The simulator's arithmetic, without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from provisioner.simulator.cluster.quantity import amount
from provisioner.simulator.cluster.scheduler import choose, rooms
from provisioner.simulator.command import main, parser, settings_of
from provisioner.simulator.errors import ApiError
from provisioner.simulator.fields import from_fields, leaves, to_fields
from provisioner.simulator.gardener.versions import newest, number
from provisioner.simulator.merge import json_patch, merge_patch, strategic_patch
from provisioner.simulator.selectors import parse_fields, parse_labels
from provisioner.simulator.shape import Shape
from provisioner.simulator.tls import Authority, pem


@pytest.mark.parametrize(
    ("text", "value"), [("250m", 0.25), ("1Gi", 2**30), ("2", 2.0), ("1k", 1000.0), ("", 0.0), ("x", 0.0)]
)
def test_quantities_are_read_as_kubernetes_writes_them(text: str, value: float) -> None:
    assert amount(text) == value


@pytest.mark.parametrize(
    ("selector", "matches"),
    [
        ("a=1", True),
        ("a==1,b!=3", True),
        ("a in (1, 2),c notin (x)", True),
        ("!c,a", True),
        ("a=2", False),
        ("c", False),
        ("b notin (2)", False),
    ],
)
def test_label_selectors(selector: str, matches: bool) -> None:
    test = parse_labels(selector)
    assert test is not None
    assert test({"a": "1", "b": "2"}) is matches


def test_a_selector_that_cannot_be_read_is_refused() -> None:
    for selector in ("a b", "=x", "a in 1"):
        with pytest.raises(ApiError):
            parse_labels(selector)
    with pytest.raises(ApiError):
        parse_fields("metadata.name")


def test_merge_patch_removes_what_is_null() -> None:
    assert merge_patch({"a": {"b": 1, "c": 2}}, {"a": {"b": None}, "d": [1]}) == {"a": {"c": 2}, "d": [1]}


def test_a_strategic_patch_merges_containers_by_name_and_deletes_on_demand() -> None:
    target = {"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]}
    patch = {"containers": [{"name": "a", "tty": True}, {"name": "b", "$patch": "delete"}]}
    assert strategic_patch(target, patch) == {"containers": [{"name": "a", "image": "1", "tty": True}]}


def test_a_json_patch_is_applied_whole_or_refused() -> None:
    target = {"list": [1, 2], "a~b": {"c/d": 1}}
    done = json_patch(
        target,
        [
            {"op": "test", "path": "/list/0", "value": 1},
            {"op": "add", "path": "/list/-", "value": 3},
            {"op": "move", "from": "/a~0b/c~1d", "path": "/moved"},
        ],
    )
    assert done == {"list": [1, 2, 3], "a~b": {}, "moved": 1}
    for bad in (
        {"op": "remove", "path": "/none"},
        {"op": "test", "path": "/list/0", "value": 9},
        {"op": "fly", "path": "/a"},
    ):
        with pytest.raises(ApiError):
            json_patch(target, [bad])
    assert target == {"list": [1, 2], "a~b": {"c/d": 1}}


def test_field_sets_survive_their_written_form() -> None:
    document = {"spec": {"containers": [{"name": "a", "image": "x", "args": ["1"]}]}, "data": {"k": "v"}}
    paths = set(leaves(document, Shape()))
    assert from_fields(to_fields(paths)) == paths
    assert ("f:spec", "f:containers", 'k:{"name":"a"}', ".") in paths


def test_the_newest_supported_version_is_chosen_and_no_preview() -> None:
    offers: list[dict[str, Any]] = [
        {"version": "1.34.9", "classification": "deprecated"},
        {"version": "1.34.8", "classification": "supported"},
        {"version": "1.35.10", "classification": "supported"},
        {"version": "1.36.0", "classification": "preview"},
    ]
    assert newest(offers) == "1.35.10"
    assert newest(offers, "1.34") == "1.34.8"
    assert newest(offers, "1.99") == ""
    assert number("1.x") == ()


def test_a_pod_goes_only_where_selector_taints_and_requests_allow() -> None:
    def node(name: str, **spec: Any) -> dict[str, Any]:
        size = {"cpu": "1", "memory": "1Gi", "pods": "10"}
        return {
            "metadata": {"name": name, "labels": {"pool": name}},
            "spec": spec,
            "status": {"allocatable": size},
        }

    tainted = node("b", taints=[{"key": "gpu", "effect": "NoSchedule"}])
    candidates = rooms([node("a"), tainted], [])
    pod: dict[str, Any] = {"spec": {"containers": [{"name": "x", "resources": {"requests": {"cpu": "2"}}}]}}
    assert (
        choose(pod, candidates)[1]
        == "0/2 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint {gpu: }."
    )
    pod["spec"]["containers"][0]["resources"] = {}
    pod["spec"]["nodeSelector"] = {"pool": "b"}
    assert choose(pod, candidates)[0] is None
    pod["spec"]["tolerations"] = [{"key": "gpu", "operator": "Exists"}]
    chosen = choose(pod, candidates)[0]
    assert chosen is not None
    assert chosen.node["metadata"]["name"] == "b"


def test_every_knob_can_be_turned_at_the_start() -> None:
    failures = '[{"code": "ERR_INFRA_QUOTA_EXCEEDED", "rate": 0.5}]'
    knobs = f'{{"latency_ms": 20, "rate_limit_per_second": 7, "delete_seconds": 1, "failures": {failures}}}'
    settings = settings_of(parser().parse_args(["--seed", "4", "--build-seconds", "2", "--settings", knobs]))
    assert (settings.seed, settings.build_seconds, settings.delete_seconds) == (4, 2.0, 1.0)
    assert (settings.latency_ms, settings.rate_limit_per_second) == (20.0, 7.0)
    assert [(one.code, one.rate) for one in settings.failures] == [("ERR_INFRA_QUOTA_EXCEEDED", 0.5)]


@pytest.mark.parametrize(
    ("knobs", "said"), [("{", "--settings"), ("[]", "an object"), ('{"latency": 1}', "unknown setting")]
)
def test_a_knob_that_is_none_keeps_it_from_starting(
    knobs: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--in-memory", "--settings", knobs]) == 2
    told = capsys.readouterr().err
    assert said in told
    assert told.count("\n") == 1


def test_a_ca_of_before_that_does_not_say_what_its_key_is_for_is_made_anew_once() -> None:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "nesoi-simulator-ca")])
    key = ec.generate_private_key(ec.SECP256R1())
    now = datetime.now(UTC)
    old = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
    before = pem(old.sign(key, hashes.SHA256()))
    after = Authority(b"1" * 32, before).server_ca
    assert after != before
    assert Authority(b"1" * 32, after).server_ca == after
