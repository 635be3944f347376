"""Pods of modules renew themselves: what would wait for somebody is refused, since a module is well only once all are new."""

from __future__ import annotations

import json
from typing import Any

import pytest

from provisioner.modules.health import complaint
from provisioner.modules.registry import all_modules
from provisioner.modules.sources.rendering import Made, make
from provisioner.modules.sources.reviewing import footprint_of, review
from provisioner.runtimes.inside import Json
from tests.sourcing import StubHelm, asked, version

CONTAINER = {
    "name": "main",
    "image": "registry.example.com/a:1",
    "resources": {"requests": {"cpu": "50m", "memory": "64Mi"}, "limits": {"memory": "64Mi"}},
}
POD: Json = {"template": {"spec": {"containers": [CONTAINER]}}}


def made(kind: str, **spec: Any) -> Made:
    document = {"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "a"}, "spec": spec}
    content = json.dumps(document | ({"apiVersion": "batch/v1"} if kind == "CronJob" else {})).encode()
    said = version(content, kind="manifests")
    return make(said, content, all_modules()["eventing"], asked(), StubHelm(""))


WAITING: list[tuple[str, Json, str]] = [
    ("StatefulSet", {"updateStrategy": {"type": "OnDelete"}}, "take RollingUpdate"),
    ("DaemonSet", {"updateStrategy": {"type": "OnDelete"}}, "take RollingUpdate"),
    ("StatefulSet", {"updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 2}}}, "partition"),
    ("Deployment", {"paused": True}, "is paused"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "spec", "said"), WAITING)
def test_what_waits_for_somebody_to_renew_its_pods_is_refused(kind: str, spec: Json, said: str) -> None:
    (fault,) = made(kind, **POD, **spec).faults
    assert fault.code == "module_object_rollout"
    assert said in fault.detail


@pytest.mark.parametrize("kind", ["StatefulSet", "DaemonSet", "Deployment"])
def test_what_renews_its_pods_comes(kind: str) -> None:
    for strategy in ({}, {"type": "RollingUpdate"}, {"rollingUpdate": {"partition": 0, "maxUnavailable": 1}}):
        assert made(kind, **POD, updateStrategy=strategy).faults == ()


def test_a_stateful_set_that_kept_old_pods_would_never_be_well() -> None:
    status = {"observedGeneration": 2, "readyReplicas": 3, "updatedReplicas": 1, "replicas": 3}
    live = {"metadata": {"generation": 2}, "spec": {"replicas": 3}, "status": status}
    assert complaint("StatefulSet", live) == "1 of 3 replicas are ready"


def test_runs_of_a_cron_job_do_not_pile_up_and_count_as_what_one_takes() -> None:
    job = {"spec": {**POD, "parallelism": 3}}
    got = made("CronJob", schedule="@daily", jobTemplate=job)
    assert got.faults == ()
    assert got.objects[0]["spec"]["concurrencyPolicy"] == "Forbid"
    assert footprint_of(got.objects).replicas == 3
    (fault,) = made("CronJob", schedule="@daily", jobTemplate=job, concurrencyPolicy="Allow").faults
    assert (fault.code, "take Forbid or Replace" in fault.detail) == ("module_object_rollout", True)


@pytest.mark.parametrize(
    "hook", ["pre-install", "post-install,post-upgrade", "pre-delete", "post-install,test"]
)
def test_what_helm_would_run_in_between_is_refused_and_its_tests_are_left_out(hook: str) -> None:
    document = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "a", "annotations": {"helm.sh/hook": hook}},
    }
    content = json.dumps(document).encode()
    said = version(content, kind="manifests")
    faults, _ = review(said, content, all_modules()["eventing"], ["1.34.8"], StubHelm(""))
    assert [fault.code for fault in faults] == ["module_object_hook"]
    tests = json.dumps(
        {**document, "metadata": {"name": "a", "annotations": {"helm.sh/hook": "test"}}}
    ).encode()
    faults, _ = review(
        version(tests, kind="manifests"), tests, all_modules()["eventing"], ["1.34.8"], StubHelm("")
    )
    assert [fault.detail for fault in faults] == ["there is no object in it; name another one."]


def test_without_a_kubernetes_version_nothing_can_be_tried() -> None:
    faults, _ = review(version(b""), b"", all_modules()["eventing"], [], StubHelm(""))
    assert faults[0].code == "module_source_untried"
