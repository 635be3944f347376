"""The simulator starts, answers and obeys its knobs."""

from __future__ import annotations

from tests.plugins.simulator import Simulator


def test_it_lists_the_cloud_profiles_of_every_provider(simulator: Simulator) -> None:
    profiles = simulator.call("GET", "/apis/core.gardener.cloud/v1beta1/cloudprofiles")
    assert [each["metadata"]["name"] for each in profiles["items"]] == ["aws", "azure", "gcp", "openstack"]


def test_settings_are_put_back_after_a_test_changed_them(simulator: Simulator) -> None:
    before = simulator.settings()
    with simulator.set(latency_ms=3):
        assert simulator.settings()["latency_ms"] == 3
    assert simulator.settings() == before
