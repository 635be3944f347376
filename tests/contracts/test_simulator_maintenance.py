"""In a Shoot's maintenance window Gardener raises versions, and rolls out what was confined to it."""

from __future__ import annotations

from typing import Any
from urllib.error import HTTPError

import pytest

from tests.plugins.simulator import Simulator, SimulatorFactory


def maintained_at(simulator: Simulator, clock: str) -> list[str]:
    changed: list[str] = simulator.call("POST", "/simulator/v1/maintenance", {"at": clock})["changed"]
    return changed


def window(begin: str, **auto: bool) -> dict[str, Any]:
    """A window of an hour, of a Shoot that lets Gardener raise what is named here."""
    end = f"{(int(begin[:2]) + 1) % 24:02}{begin[2:]}"
    auto = {"kubernetesVersion": False, "machineImageVersion": False, **auto}
    return {"timeWindow": {"begin": begin, "end": end}, "autoUpdate": auto}


def test_in_its_window_a_shoot_is_raised_as_far_as_it_lets_gardener(simulator: Simulator) -> None:
    old: dict[str, Any] = {"kubernetes": {"version": "1.34.5"}}
    simulator.create_shoot("window1", maintenance=window("031700+0100", kubernetesVersion=True), **old)
    simulator.create_shoot("window2", maintenance=window("031700+0100"), **old)
    assert "window1" not in maintained_at(simulator, "03:17")  # it says so in another time zone
    assert maintained_at(simulator, "02:17") == ["window1"]
    shoot = simulator.wait_for("window1")
    assert shoot["spec"]["kubernetes"]["version"] == "1.34.8"
    assert shoot["status"]["lastOperation"]["type"] == "Reconcile"
    assert shoot["status"]["lastMaintenance"]["description"] == "Kubernetes: 1.34.5 to 1.34.8"
    assert simulator.shoot("window2")["spec"]["kubernetes"]["version"] == "1.34.5"
    assert maintained_at(simulator, "02:17") == []


def test_an_expired_version_is_raised_by_force_one_minor_at_a_time(
    simulator_factory: SimulatorFactory,
) -> None:
    simulator = simulator_factory()
    simulator.create_shoot("forced", maintenance=window("041700+0000"), kubernetes={"version": "1.33.12"})
    profile = "/apis/core.gardener.cloud/v1beta1/cloudprofiles/aws"
    versions = simulator.call("GET", profile)["spec"]["kubernetes"]["versions"]
    for each in versions:
        if each["version"].startswith(("1.33.", "1.34.5")):
            each["expirationDate"] = "2026-01-01T00:00:00Z"
    patch = {"spec": {"kubernetes": {"versions": versions}}}
    simulator.call("PATCH", profile, patch, Content_Type="application/merge-patch+json")
    assert maintained_at(simulator, "04:17") == ["forced"]
    shoot = simulator.wait_for("forced")
    assert shoot["spec"]["kubernetes"]["version"] == "1.34.8"
    assert "for it has expired" in shoot["status"]["lastMaintenance"]["description"]


def test_what_was_confined_to_the_window_is_rolled_out_in_it(simulator: Simulator) -> None:
    held = {**window("051700+0000"), "confineSpecUpdateRollout": True}
    before = simulator.create_shoot("window3", maintenance=held)["metadata"]["generation"]
    simulator.patch_shoot("window3", {"spec": {"kubernetes": {"version": "1.35.4"}}})
    assert maintained_at(simulator, "05:17") == ["window3"]
    assert simulator.wait_for("window3")["status"]["observedGeneration"] == before + 1


def test_a_clock_that_is_none_begins_nothing(simulator: Simulator) -> None:
    for wrong in ("25:00", "22", "", "22:00:00"):
        with pytest.raises(HTTPError, match="400"):
            maintained_at(simulator, wrong)
