"""A tenant's people choose, set and remove modules by the API, and are told what stands in the way and what to do."""

from __future__ import annotations

from typing import Any

import pytest

from provisioner.modules.kept import Health, Kept, State
from provisioner.modules.memory import RowMemory
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.api.asking import Asking, problem, read
from tests.signed_in import build
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World) -> Runtime:
    row = build(world)
    Operation.objects.filter(runtime=row).update(slot=None)
    Runtime.objects.filter(pk=row.pk).update(observed_generation=row.generation)
    return row


def keys(asking: Asking, runtime: Runtime) -> list[str]:
    return [one["key"] for one in read(asking.get(f"/runtimes/{runtime.pk}/modules"))["results"]]


def add(asking: Asking, runtime: Runtime, module: str, **more: Any) -> Any:
    return asking.post(f"/runtimes/{runtime.pk}/modules", {"module": module, **more})


def test_the_catalogue_says_of_every_module_what_it_needs_takes_and_can_be_set_to(alice: Asking) -> None:
    listed = {one["key"]: one for one in read(alice.get("/modules"))["results"]}
    assert len(listed) == 9
    assert listed["isolation"]["mandatory"] is True
    assert listed["api-gateway"]["requires"] == ["service-mesh"]
    assert "external metrics" in listed["serverless"]["conflicts"]["autoscaling"]
    assert listed["telemetry"]["settings_schema"]["properties"]["signals"]["title"] == "Signals"
    assert listed["telemetry"]["footprint"]["per_node_memory_mib"] == 64


def test_a_runtime_has_its_plans_set_and_what_is_mandatory(alice: Asking, runtime: Runtime) -> None:
    assert keys(alice, runtime) == ["isolation", "service-mesh", "api-gateway"]


def test_a_module_is_added_set_and_removed_each_by_an_update(alice: Asking, runtime: Runtime) -> None:
    answer = add(alice, runtime, "telemetry", settings={"signals": ["logs"]})
    assert answer.status_code == 202
    assert read(answer)["operation"]["kind"] == "update"
    seen = read(alice.get(f"/runtimes/{runtime.pk}/modules/telemetry"))
    assert (seen["state"], seen["version"]) == ("requested", "1.46.0")
    assert seen["settings"] == {"signals": ["logs"], "samplingPercent": 10}
    here = f"/runtimes/{runtime.pk}/modules/telemetry"
    assert alice.patch(here, {"settings": {"samplingPercent": 50}}).status_code == 202
    assert read(alice.get(here))["settings"] == {
        "signals": ["logs", "traces", "metrics"],
        "samplingPercent": 50,
    }
    assert alice.delete(here).status_code == 202
    assert keys(alice, runtime) == ["isolation", "service-mesh", "api-gateway"]
    chosen = Runtime.objects.get(pk=runtime.pk).spec["parameters"]["modules"]
    assert [one["name"] for one in chosen["list"]] == ["service-mesh", "api-gateway"]


def test_the_same_settings_again_start_nothing(alice: Asking, runtime: Runtime) -> None:
    here = f"/runtimes/{runtime.pk}/modules/api-gateway"
    Operation.objects.filter(runtime=runtime).update(slot=None)
    assert alice.patch(here, {"settings": {"requestsPerSecond": 5}}).status_code == 202
    generation = Runtime.objects.get(pk=runtime.pk).generation
    assert alice.patch(here, {"settings": {"requestsPerSecond": 5}}).status_code == 200
    assert Runtime.objects.get(pk=runtime.pk).generation == generation


def test_a_change_of_something_else_keeps_settings_and_versions(alice: Asking, runtime: Runtime) -> None:
    alice.patch(f"/runtimes/{runtime.pk}/modules/api-gateway", {"settings": {"requestsPerSecond": 5}})
    assert alice.patch(f"/runtimes/{runtime.pk}", {"parameters": {"autoScalerMax": 9}}).status_code == 202
    seen = read(alice.get(f"/runtimes/{runtime.pk}/modules/api-gateway"))
    assert seen["settings"]["requestsPerSecond"] == 5
    assert seen["version"] == "3.2.0"


def test_what_can_not_be_is_refused_with_the_way_out(alice: Asking, runtime: Runtime) -> None:
    here = f"/runtimes/{runtime.pk}/modules"
    cases = [
        (alice.post(here, {"module": "telemetri"}), 404, "module_unknown", "Did you mean telemetry?"),
        (alice.delete(f"{here}/isolation"), 409, "module_mandatory", "can't be removed"),
        (
            alice.delete(f"{here}/service-mesh"),
            422,
            "module_requires",
            "api-gateway needs service-mesh; remove api-gateway first, or keep service-mesh.",
        ),
        (alice.delete(f"{here}/eventing"), 404, "module_not_there", "It has: isolation, service-mesh"),
        (alice.patch(f"{here}/gpu", {"settings": {}}), 404, "module_not_there", "add it first"),
        (
            alice.post(here, {"module": "eventing", "settings": {"retentionHours": 9999}}),
            422,
            "settings_invalid",
            "settings.retentionHours",
        ),
        (
            alice.post(here, {"module": "eventing", "settings": {"colour": 1}}),
            422,
            "settings_invalid",
            "colour",
        ),
        (
            alice.patch(f"{here}/api-gateway", {"settings": {"corsOrigins": ["https://a.example\nb: c"]}}),
            422,
            "module_setting_unsafe",
            "settings.corsOrigins.0 holds line breaks or control characters; write it in one line.",
        ),
    ]
    for answer, status, code, words in cases:
        assert problem(answer) == (status, code)
        assert words in read(answer)["detail"]
    assert keys(alice, runtime) == ["isolation", "service-mesh", "api-gateway"]


def test_two_that_can_not_be_together_are_refused_wherever_they_are_asked_for(
    alice: Asking, runtime: Runtime
) -> None:
    assert add(alice, runtime, "serverless").status_code == 202
    answer = add(alice, runtime, "autoscaling")
    assert problem(answer) == (422, "module_conflict")
    assert "Choose one" in read(answer)["detail"]
    both = {"modules": {"list": [{"name": "serverless"}, {"name": "autoscaling"}]}}
    wish = {"account": "shop", "name": "both", "plan": "aws"}
    created = alice.post("/runtimes", {**wish, "parameters": {"region": "eu-central-1", **both}})
    assert problem(created) == (422, "module_conflict")


def test_state_health_drift_and_the_version_that_was_seen_are_told(alice: Asking, runtime: Runtime) -> None:
    memory = RowMemory(runtime.pk, runtime.generation)
    page = Kept("api-gateway", "3.2.0", "envoy", state=State.INSTALLED, health=Health.UNHEALTHY)
    memory.keep([Kept("old", "1.0.0", "x", state=State.REMOVING)])
    drift = ("Deployment nesoi-system/api-gateway-envoy: spec.replicas",)
    said = "Deployment nesoi-system/api-gateway-envoy: 0 of 1 replicas are ready"
    memory.keep([Kept(**{**vars(page), "observed_version": "3.1.2", "drift": drift, "message": said})])
    seen = {one["key"]: one for one in read(alice.get(f"/runtimes/{runtime.pk}/modules"))["results"]}
    assert seen["old"]["state"] == "removing"
    told = seen["api-gateway"]
    assert (told["state"], told["health"], told["observed_version"]) == ("installed", "unhealthy", "3.1.2")
    assert (told["drift"], told["message"]) == (list(drift), said)
    assert told["seen_at"]
    assert "envoy" not in told.values(), "which implementation it is, is nobody's to rely on"


def test_a_late_writer_of_an_older_wish_changes_nothing(runtime: Runtime) -> None:
    newest, late = RowMemory(runtime.pk, 5), RowMemory(runtime.pk, 4)
    newest.keep([Kept("telemetry", "2.0.0", state=State.INSTALLED)])
    late.keep([Kept("telemetry", "1.0.0", state=State.REMOVING)], forget=["telemetry"])
    assert newest.recall()["telemetry"].version == "2.0.0"
    assert newest.recall()["telemetry"].state is State.INSTALLED
