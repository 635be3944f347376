"""What a tenant sets reaches a chart where the catalogue says, in the form that the chart wants, and nowhere else."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.catalog.loading.reading import parse_document
from controlplane.catalog.loading.shapes import MODULES
from controlplane.kernel.errors import Audience, Fatal
from controlplane.kernel.sentences import find_faults
from provisioner.modules.base import Footprint
from provisioner.modules.registry import all_modules
from provisioner.modules.sources import shelf
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError, Tried, beyond
from provisioner.modules.sources.shelf import _rendered
from provisioner.modules.sources.values import chart_values, path_faults, variants
from provisioner.modules.texts import texts_of_many_lines
from tests.sourcing import CHART_FOLDER, StubHelm, asked, version

FIXED = {"broker": {"image": "registry.example.com/b:1", "retention": "1h"}, "replicas": 1}


def given(paths: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return chart_values(version(values=FIXED, settings=paths), asked(**settings))


@pytest.mark.parametrize(
    ("target", "hours", "found"),
    [
        ("broker.retention", 7, 7),
        ({"path": "broker.retention", "text": "{}h"}, 7, "7h"),
        ({"path": "broker.retention", "choices": {"7": "a week"}}, 7, "a week"),
        ({"path": "broker.retention", "choices": {"7": "a week"}}, 8, 8),
    ],
)
def test_a_setting_goes_where_and_as_the_catalogue_says(target: Any, hours: int, found: Any) -> None:
    values = given({"retentionHours": target}, retentionHours=hours)
    assert values == {"broker": {"image": "registry.example.com/b:1", "retention": found}, "replicas": 1}
    assert FIXED["broker"] == {"image": "registry.example.com/b:1", "retention": "1h"}, (
        "the catalogue's own stays"
    )


def test_truth_is_written_as_yaml_writes_it() -> None:
    paths = {"highAvailability": {"path": "replicas", "choices": {"true": 3, "false": 1}}}
    assert given(paths, highAvailability=True)["replicas"] == 3
    assert given(paths)["replicas"] == 1


def test_a_path_makes_the_way_to_it_and_facts_of_the_cluster_can_be_named() -> None:
    values = given({"cluster.name": "global.cluster.name", "cluster.nodes": "replicas.most"})
    assert values["global"] == {"cluster": {"name": "isle"}}
    assert values["replicas"] == {"most": 3}, "what was no section becomes one"


def test_a_chart_is_tried_with_every_choice_of_what_reaches_it() -> None:
    paths = {"highAvailability": "ha", "retentionHours": "retention"}
    tried = variants(
        version(settings=paths), all_modules()["eventing"], {"highAvailability": False, "retentionHours": 24}
    )
    assert tried == [
        {"highAvailability": False, "retentionHours": 24},
        {"highAvailability": True, "retentionHours": 24},
    ]


def test_the_example_of_the_page_is_right_and_is_about_our_chart() -> None:
    page = (Path(__file__).resolve().parents[2] / "deploy" / "modules.md").read_text()
    found = re.search(r"```yaml\n(.+?)```", page, re.DOTALL)
    assert found is not None
    said = parse_document("modules.yaml", found[1].replace("sha256:4f5c…", f"sha256:{64 * '0'}")).data
    assert find_faults(MODULES, said, root="") == []
    (entry,) = said["modules"][0]["versions"]
    example = version(**{name: entry[name] for name in ("settings", "values", "resources", "footprint")})
    assert path_faults(example, all_modules()["eventing"]) == []
    assert Footprint(**example.footprint).memory_mib == 256
    about = yaml.safe_load((CHART_FOLDER / "Chart.yaml").read_text())
    assert (about["name"], about["version"]) == ("eventing", entry["source"]["version"])
    values = yaml.safe_load((CHART_FOLDER / "values.yaml").read_text())
    assert chart_values(example, asked()).keys() <= values.keys()


@pytest.mark.parametrize("text", ["a\nb", "---\r", "a\x00", "a\u2028b", "a\x85b", "\x1b[2J"])
def test_no_text_of_a_tenants_becomes_more_than_a_value_of_the_chart(text: str) -> None:
    paths = {"retentionHours": {"path": "broker.retention", "text": "{}h"}}
    odd: list[Any] = [text, [{"a": [text]}], {text: 1}]
    for value in odd:
        with pytest.raises(SourceInvalidError, match="the setting retentionHours holds line breaks") as told:
            given(paths, retentionHours=value)
        assert told.value.fault.code == "module_setting_unsafe"
    for value in ("a: {b}", ["é", 1, None], {"a": True}, "pasted\u00a0", "👩\u200d💻"):
        given({"retentionHours": "broker.retention"}, retentionHours=value)
    with pytest.raises(Fatal, match="holds line breaks") as refused:
        _rendered(version(values=FIXED, settings=paths), asked(retentionHours=text))
    assert (refused.value.code, refused.value.audience) == ("module_setting_unsafe", Audience.TENANT)


def test_each_text_of_many_lines_is_named_by_its_path() -> None:
    settings = {"a": "plain", "b": ["x", "y\nz"], "c": {"d": "\x1b", "odd\tname": 1}, "e": 7}
    assert list(texts_of_many_lines(settings)) == [("b", "1"), ("c", "d"), ("c", "odd\tname")]


def test_a_worker_refuses_what_settings_add_and_not_what_an_older_build_let_in(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    policy = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: NAME}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
    wide, other = policy.replace("NAME", "wide"), policy.replace("NAME", "other")
    shelf._tell.cache_clear()
    monkeypatch.setattr(shelf, "_bundle", lambda _: b"")
    monkeypatch.setattr(shelf, "helm", lambda **_: StubHelm(wide))
    entry = version(b"let in before", settings={"retentionHours": "retention"})
    with caplog.at_level("WARNING", logger=shelf.__name__):
        for hours in (3, 4):
            made = shelf._rendered(entry, asked(retentionHours=hours))
            assert "wide" in {one["metadata"]["name"] for one in made}
    assert len(caplog.messages) == 1, "once per process"
    assert "NetworkPolicy nesoi-system/wide is for every pod of the platform" in caplog.messages[0]
    added = StubHelm(f"{wide}---{other}", wide)
    monkeypatch.setattr(shelf, "helm", lambda **_: added)
    with pytest.raises(
        Fatal, match="with the settings that it has here: NetworkPolicy nesoi-system/other"
    ) as told:
        shelf._rendered(entry, asked(retentionHours=5))
    assert (told.value.code, told.value.audience) == ("module_object_reserved", Audience.TENANT)
    # What one of the choices brings by which the version was tried was let in as well.
    both = StubHelm(f"{wide}---{other}", wide, f"{wide}---{other}")
    monkeypatch.setattr(shelf, "helm", lambda **_: both)
    monkeypatch.setattr(shelf, "variants", lambda *_: [{"retentionHours": 1}, {"retentionHours": 2}])
    made = shelf._rendered(entry, asked(retentionHours=6))
    assert {"wide", "other"} <= {one["metadata"]["name"] for one in made}


def test_a_fault_of_before_is_known_again_though_its_sentence_quotes_what_is_set(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    hosts = """
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: d}
spec:
  selector: {matchLabels: {app: d}}
  template:
    metadata: {labels: {app: d}}
    spec:
      volumes: [VOLUMES]
      containers: [{name: c, image: "example.com/c:1"}]
"""
    volume = "{name: NAME, hostPath: {path: /}}"

    def with_volumes(*names: str) -> str:
        return hosts.replace("VOLUMES", ", ".join(volume.replace("NAME", name) for name in names))

    def container_beside(text: str) -> str:
        return text.replace(
            'image: "example.com/c:1"}', 'image: "example.com/c:1"}, {name: e, image: "example.com/e:latest"}'
        )

    monkeypatch.setattr(shelf, "_bundle", lambda _: b"")
    entry = version(b"quotes", settings={"retentionHours": "retention"})
    first = StubHelm(with_volumes("set-to-3"), with_volumes("set-to-24"))
    monkeypatch.setattr(shelf, "helm", lambda **_: first)
    shelf._rendered(entry, asked(retentionHours=3))
    more = StubHelm(container_beside(with_volumes("set-to-4")), with_volumes("set-to-24"))
    monkeypatch.setattr(shelf, "helm", lambda **_: more)
    with pytest.raises(Fatal, match="container e of DaemonSet nesoi-system/d") as told:
        shelf._rendered(entry, asked(retentionHours=4))
    assert "set-to" not in str(told.value), "what was let in is not held against the settings"


def test_of_alike_faults_as_many_are_known_as_one_rendering_had() -> None:
    def tried(*said: str, code: str = "c", **settings: Any) -> Tried:
        return Tried([SourceFault(code, one) for one in said], settings)

    def more(made: Tried, *before: Tried) -> list[str]:
        return [fault.detail for fault in beyond(made, before)]

    assert more(tried("volume one is odd", name="one"), tried("volume two is odd", name="two")) == []
    assert more(tried("7 days, 7 hours", days=7), tried("24 days, 24 hours", days=24)) == []
    assert more(tried("a 1", "a 2"), tried("a 2")) == ["a 1"], "what is said in the same words is known first"
    assert more(tried("a 1", "a 2"), tried("a 3"), tried("a 4", "a 5")) == []
    assert more(tried("a 1", "a 2"), tried("a 3"), tried("a 4")) == ["a 2"], (
        "neither of both had two of these"
    )
    assert more(tried("privileged, hostPort", name="one"), tried("hostPort", name="two")) == [
        "privileged, hostPort"
    ]
    same = "DaemonSet metrics-agent takes the host's disk"
    assert more(tried(same, signals=["metrics"]), tried(same, signals=["logs"])) == []
    assert more(tried(same, "x 1", "x 2", days=2), tried(same, "x 3", days=3)) == ["x 2"]
    # No setting may stand for everything, and none widens what a bundle reaches that is not its own.
    assert more(tried("group *", group="*"), tried("group apps", group="apps")) == ["group *"]
    reached = tried("group secrets", code="module_object_reserved", group="secrets")
    assert more(reached, tried("group apps", code="module_object_reserved", group="apps")) == [
        "group secrets"
    ]
