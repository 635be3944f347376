"""Charts are rendered by the real Helm, alone and within bounds."""

from __future__ import annotations

import os
import resource
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from controlplane.catalog.loading.module_registry import chart_layer
from controlplane.catalog.sourced import SourcedVersion
from controlplane.kernel.errors import Fatal, Retry
from provisioner.modules.base import Request
from provisioner.modules.registry import all_modules
from provisioner.modules.sources import helm as room
from provisioner.modules.sources import shelf
from provisioner.modules.sources.faults import SourceInvalidError
from provisioner.modules.sources.helm import Helm, HelmInterruptedError, HelmMissingError, HelmRefusedError
from provisioner.modules.sources.rendering import make
from provisioner.modules.sources.reviewing import review
from tests.sourcing import HELM, NO_HELM, StubHelm, asked, our_chart, version

EVENTING = all_modules()["eventing"]
REAL = pytest.mark.skipif(HELM is None, reason=NO_HELM)
BOUNDED = pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="this system bounds no other process")
SETTINGS = {
    "retentionHours": {"path": "retention", "text": "{}h"},
    "highAvailability": {"path": "replicas", "choices": {"true": 3, "false": 1}},
}


def stub(folder: Path, script: str) -> Helm:
    program = folder / "helm"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return Helm(str(program), 2.0)


def rendered(helm: Helm) -> str:
    return helm.template(
        b"chart", name="eventing", namespace="nesoi-system", values={"a": 1}, kubernetes="1.34.8"
    )


def real(chart: bytes, said: SourcedVersion) -> dict[str, str]:
    """Review a chart with the real Helm; return its faults by code."""
    faults, _ = review(said, chart, EVENTING, ["1.33.12", "1.34.8"], Helm(HELM or ""))
    return {fault.code: fault.detail for fault in faults}


@REAL
def test_our_chart_comes_as_its_settings_say_and_without_its_tests() -> None:
    chart = our_chart()
    said = version(chart, settings=SETTINGS)
    assert real(chart, said) == {}
    made = make(said, chart, EVENTING, asked(highAvailability=True, retentionHours=2), Helm(HELM or ""))
    named = {(one["kind"], one["metadata"]["name"]): one for one in made.objects}
    assert named["StatefulSet", "eventing-broker"]["spec"]["replicas"] == 3
    assert named["ConfigMap", "eventing-broker"]["data"]["retention"] == "2h"
    assert ("PodDisruptionBudget", "eventing-broker") in named
    subject = named["ClusterRoleBinding", "eventing-broker"]["subjects"][0]
    assert (subject["namespace"], made.left_out) == ("nesoi-system", 1)


@REAL
@pytest.mark.parametrize(
    ("template", "code", "said"),
    [
        ('{{ required "name the retention of events" .Values.none }}', "module_source_refused", "name the retention"),
        ("{{ .Values.a.b.c }}", "module_source_refused", "nil pointer"),
        ("data: {password: {{ randAlphaNum 20 }}}", "module_source_floating", "differently every time"),
        ('{{ if not (lookup "v1" "Node" "" "") }}{{ fail "no cluster" }}{{ end }}', "module_source_refused", "no cluster"),
        ("data: [", "module_source_refused", ""),
    ],
)  # fmt: skip
def test_what_helm_itself_refuses_is_told_in_its_words(template: str, code: str, said: str) -> None:
    chart = our_chart(
        **{
            "eventing/templates/more.yaml": f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: more}}\n{template}\n"
        }
    )
    found = real(chart, version(chart))
    assert said in found[code]
    assert "/tmp" not in found[code]


@REAL
def test_what_a_tenant_sets_can_not_make_more_of_a_chart_than_a_module_may_be() -> None:
    template = "apiVersion: v1\nkind: {{ .Values.free }}\nmetadata: {name: more}\n"
    careless = our_chart(**{"eventing/templates/more.yaml": template})
    said = version(careless, settings={"retentionHours": "free"})
    assert real(careless, version(careless, values={"free": "ConfigMap"})) == {}
    request = replace(asked(), settings={"retentionHours": "Pod"})
    found = make(said, careless, EVENTING, request, Helm(HELM or "")).faults
    assert [fault.code for fault in found] == ["module_object_kind"]
    more = "ConfigMap\nmetadata: {name: b}\n---\napiVersion: v1\nkind: Pod"
    with pytest.raises(SourceInvalidError, match="write it in one line"):
        make(said, careless, EVENTING, replace(request, settings={"retentionHours": more}), Helm(HELM or ""))


def test_without_helm_it_is_said_how_to_get_it() -> None:
    with pytest.raises(HelmMissingError, match="there is no no-such-helm here: get Helm 3"):
        rendered(Helm("no-such-helm"))


def test_helm_is_told_nothing_of_this_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "s3cret")
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example.com")
    told = dict(line.split("=", 1) for line in rendered(stub(tmp_path, "env; pwd >&2")).splitlines())
    assert told["KUBECONFIG"] == os.devnull
    assert told["HOME"].startswith(str(Path(told["PWD"])))
    assert not {"SECRET_KEY", "HTTPS_PROXY", "DATABASE_URL", "PYTHONPATH"} & told.keys()
    assert not Path(told["PWD"]).exists(), "nothing of it is left"


def test_helm_is_bounded_in_time_and_in_what_it_prints(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient = stub(tmp_path, "exec sleep 60")
    with pytest.raises(HelmInterruptedError, match=r"longer than 0\.1 seconds"):
        rendered(Helm(patient.binary, 0.1))
    with pytest.raises(HelmInterruptedError, match="ended by signal 9"):
        rendered(stub(tmp_path, "kill -9 $$"))
    monkeypatch.setattr(room, "MOST_OUTPUT", 4096)
    with pytest.raises(HelmRefusedError, match="renders to 4096 bytes or more"):
        rendered(stub(tmp_path, "exec dd if=/dev/zero bs=1024 count=64 2>/dev/null"))
    with pytest.raises(HelmRefusedError, match="Helm refuses the chart: no, thanks"):
        rendered(stub(tmp_path, "echo no, thanks >&2; exit 1"))


@BOUNDED
def test_helm_is_bounded_where_the_system_can_not_be_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(resource, "prlimit")
    monkeypatch.setattr(room, "MOST_OUTPUT", 4096)
    monkeypatch.setattr(room, "_GLANCE_SECONDS", 0.02)
    with pytest.raises(HelmRefusedError, match="renders to 4096 bytes or more"):
        rendered(stub(tmp_path, "head -c 5000 /dev/zero; exec sleep 60"))


@BOUNDED
def test_the_system_bounds_what_helm_takes_even_if_nobody_waits_for_it(tmp_path: Path) -> None:
    said = rendered(stub(tmp_path, "sleep 0.1; cat /proc/self/limits"))
    limits = {line[:26].strip(): line[26:].split()[:2] for line in said.splitlines()}
    assert limits["Max cpu time"] == ["5", "5"], "two processors for two seconds, and one more"
    assert limits["Max file size"] == 2 * [str(room.MOST_OUTPUT)]
    assert limits["Max data size"] == 2 * [str(room.MOST_MEMORY)]
    assert limits["Max address space"] == 2 * [str(4 * room.MOST_MEMORY)]


@BOUNDED
def test_helm_does_not_stay_where_its_bounds_can_not_be_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[int] = []

    def forbidden(pid: int, *_: object) -> None:
        os.kill(pid, 0)  # it is at work
        started.append(pid)
        raise PermissionError("not allowed")

    monkeypatch.setattr(resource, "prlimit", forbidden)
    with pytest.raises(HelmInterruptedError, match="not allowed"):
        rendered(stub(tmp_path, "exec sleep 60"))
    with pytest.raises(ProcessLookupError):
        os.kill(started[0], 0)


def test_an_end_of_memory_is_the_charts(tmp_path: Path) -> None:
    with pytest.raises(HelmRefusedError, match="takes more than 1073741824 bytes to render"):
        rendered(stub(tmp_path, "echo 'fatal error: runtime: out of memory' >&2; exit 2"))


def test_a_binary_is_found_from_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stub(tmp_path, "echo here")
    monkeypatch.chdir(tmp_path)
    assert rendered(Helm("./helm")) == "here\n"
    monkeypatch.setenv("PATH", f".:{os.environ['PATH']}")
    assert rendered(Helm("helm")) == "here\n"


def test_what_helm_says_comes_without_control_characters(tmp_path: Path) -> None:
    with pytest.raises(HelmRefusedError) as error:
        rendered(stub(tmp_path, "printf 'no\\000 \\033[1m thanks\\377' >&2; exit 1"))
    assert str(error.value).isprintable()


def test_runtimes_that_are_set_alike_share_one_rendering(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shelf, "_kept", shelf._Kept())
    rendered: list[Any] = []

    def made(_said: SourcedVersion, request: Request) -> tuple[Any, ...]:
        rendered.append(request)
        return ({"number": len(rendered)},)

    monkeypatch.setattr(shelf, "_made", made)
    chart, plain = version(b"chart", settings={"retentionHours": "a"}), version(b"yaml", kind="manifests")
    named = version(b"chart", settings={"cluster.name": "a"})
    other = asked(retentionHours=3)
    elsewhere = Request(
        other.key, other.implementation, other.version, asked().settings, replace(other.cluster, name="b")
    )
    for said, request, fresh in (
        (chart, asked(), True), (chart, elsewhere, False), (chart, other, True), (chart, asked(system_pool=True), True),
        (plain, asked(), True), (plain, other, False), (named, asked(), True), (named, elsewhere, True),
    ):  # fmt: skip
        before = len(rendered)
        shelf._rendered(said, request)
        assert (len(rendered) > before) is fresh


def test_a_worker_that_can_not_render_leaves_it_to_another_and_what_nobody_may_install_fails(
    monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    said, settings.HELM_BINARY = version(b"chart"), "no-such-helm"
    monkeypatch.setattr(shelf, "_loaded", lambda digest, url: b"chart")
    with pytest.raises(Retry, match="there is no no-such-helm here") as passing:
        shelf._made(said, asked())
    assert passing.value.code == "helm_missing"
    pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\n"
    for printed, code in ((["a: ["], "module_source_refused"), ([pod, ""], "module_object_kind")):
        monkeypatch.setattr(shelf, "helm", partial(lambda one, **_: one, StubHelm(*printed)))
        with pytest.raises(Fatal) as lasting:
            shelf._made(said, asked())
        assert lasting.value.code == code
        assert "eventing/upstream@2.13.0" in str(lasting.value)
    monkeypatch.setattr(shelf, "_loaded", lambda digest, url: chart_layer(b"{}", url))
    with pytest.raises(Fatal, match="is no Helm chart"):
        shelf._made(said, asked())
