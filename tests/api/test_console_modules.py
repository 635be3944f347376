"""A runtime's page lists its modules; they are added, set and removed by forms drawn from each module's own schema."""

from __future__ import annotations

import pytest
from django.test import Client

from provisioner.modules.kept import Health, Kept, State
from provisioner.modules.memory import RowMemory
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, build, text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def runtime(world: World) -> Runtime:
    row = build(world)
    Operation.objects.filter(runtime=row).update(slot=None)
    return row


@pytest.fixture
def alice(world: World) -> Client:
    return browse(world.alice)


def wished(runtime: Runtime) -> dict[str, dict[str, object]]:
    found = Runtime.objects.get(pk=runtime.pk).cluster_spec["modules"]
    return {one["key"]: one["settings"] for one in found}


def test_the_page_shows_state_version_health_and_drift_of_each(alice: Client, runtime: Runtime) -> None:
    memory = RowMemory(runtime.pk, runtime.generation)
    drift = ("Deployment nesoi-system/api-gateway-envoy: spec.replicas",)
    memory.keep(
        [
            Kept("isolation", "1.4.0", state=State.INSTALLED, health=Health.HEALTHY, observed_version="1.4.0"),
            Kept("api-gateway", "3.2.0", state=State.INSTALLED, health=Health.UNHEALTHY, observed_version="3.1.2", drift=drift),
        ]
    )  # fmt: skip
    page = text(alice.get(f"/runtimes/{runtime.pk}/"))
    assert "Healthy Isolation 1.4.0" in page
    assert "Unhealthy API gateway 3.1.2 → 3.2.0" in page
    assert "Changed behind our back, and being mended: Deployment nesoi-system/api-gateway-envoy" in page
    assert "Requested Service mesh" in page


def test_a_module_is_added_with_settings_from_its_schema(alice: Client, runtime: Runtime) -> None:
    assert "Telemetry" in text(alice.get(f"/runtimes/{runtime.pk}/modules/"))
    here = f"/runtimes/{runtime.pk}/modules/telemetry"
    form = text(alice.get(here))
    assert "Traces kept" in form
    assert "on each node 25 millicores" in form
    answer = alice.post(here, {"settings.signals": ["logs"], "settings.samplingPercent": "5"})
    assert answer.status_code == 302
    assert wished(runtime)["telemetry"] == {"signals": ["logs"], "samplingPercent": 5}


def test_what_is_typed_wrong_is_told_at_its_field(alice: Client, runtime: Runtime) -> None:
    here = f"/runtimes/{runtime.pk}/modules/telemetry"
    answer = alice.post(here, {"settings.signals": ["logs"], "settings.samplingPercent": "500"})
    assert answer.status_code == 422
    assert "“Traces kept” " in text(answer)
    assert "telemetry" not in wished(runtime)


def test_a_module_is_changed_and_removed(alice: Client, runtime: Runtime) -> None:
    here = f"/runtimes/{runtime.pk}/modules/api-gateway"
    assert (
        alice.post(here, {"settings.requestsPerSecond": "7", "settings.corsOrigins": ""}).status_code == 302
    )
    assert wished(runtime)["api-gateway"] == {"requestsPerSecond": 7, "corsOrigins": []}
    assert "Its workloads" in text(alice.get(f"{here}/remove"))
    assert alice.post(f"{here}/remove").status_code == 302
    assert "api-gateway" not in wished(runtime)


def test_what_stands_in_the_way_is_told(alice: Client, runtime: Runtime) -> None:
    answer = alice.post(f"/runtimes/{runtime.pk}/modules/service-mesh/remove")
    assert answer.status_code == 422
    assert "api-gateway needs service-mesh" in text(answer)
    alice.post(f"/runtimes/{runtime.pk}/modules/serverless", {"settings.runtimes": ["nodejs22"]})
    assert "Choose one" in text(alice.get(f"/runtimes/{runtime.pk}/modules/"))
