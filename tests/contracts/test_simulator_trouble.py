"""Trouble on purpose, and what survives it."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError

import pytest

from tests.plugins.simulator import ROOT, SHOOTS, Simulator, SimulatorFactory, a_shoot

# As Any: the client ships half of its types.
client: Any = import_module("kubernetes.client")
config: Any = import_module("kubernetes.config")


SPACES = "/api/v1/namespaces"


def test_an_outage_answers_503_and_ends(simulator: Simulator) -> None:
    simulator.outage(30)
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", SPACES)
    assert caught.value.code == 503
    simulator.outage(0)
    assert simulator.call("GET", SPACES)["items"]


def test_an_outage_may_close_connections(simulator: Simulator) -> None:
    simulator.outage(30, "close")
    with pytest.raises((URLError, ConnectionError)):
        simulator.call("GET", SPACES)
    simulator.outage(0)
    assert simulator.call("GET", SPACES)["items"]


def test_a_hanging_outage_answers_late(simulator: Simulator) -> None:
    simulator.outage(0.6, "hang")
    begun = time.monotonic()
    assert simulator.call("GET", SPACES)["items"]
    assert time.monotonic() - begun > 0.4


def test_beyond_the_rate_limit_comes_429_with_retry_after(simulator: Simulator) -> None:
    with simulator.set(rate_limit_per_second=1):
        codes = []
        for _ in range(4):
            try:
                simulator.call("GET", SPACES)
            except HTTPError as error:
                codes.append((error.code, int(error.headers["Retry-After"]) >= 1))
    assert (429, True) in codes


def test_latency_and_errors_can_be_turned_on(simulator: Simulator) -> None:
    with simulator.set(latency_ms=100):
        begun = time.monotonic()
        simulator.call("GET", SPACES)
        assert time.monotonic() - begun >= 0.05
    with simulator.set(error_500_rate=1), pytest.raises(HTTPError) as caught:
        simulator.call("GET", SPACES)
    assert caught.value.code == 500


@pytest.mark.parametrize(
    "patch",
    [
        {"unknown": 1},
        {"build_seconds": "long"},
        {"build_seconds": -1},
        {"jitter": True},
        {"failures": [{"code": "ERR_NONE"}]},
        {"failures": [{}]},
        {"failures": [{"code": "ERR_INFRA_DEPENDENCIES", "name_regex": "("}]},
        {"failures": [{"code": "ERR_INFRA_DEPENDENCIES", "rate": 2}]},
        {"failures": {}},
    ],
)
def test_a_wrong_setting_changes_nothing(simulator: Simulator, patch: dict[str, Any]) -> None:
    before = simulator.settings()
    with pytest.raises(HTTPError) as caught:
        simulator.settings(latency_ms=5, **patch)
    assert caught.value.code == 400
    assert simulator.settings() == before


def test_the_admin_endpoint_wants_its_token(simulator: Simulator) -> None:
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", "/simulator/v1/settings", Authorization="Bearer wrong")
    assert caught.value.code == 401


def test_what_was_acknowledged_survives_kill_9(simulator_factory: SimulatorFactory) -> None:
    simulator = simulator_factory(in_memory=False, speed="1")
    for index in range(20):
        simulator.call("POST", SHOOTS, a_shoot(f"kept{index}"))
    simulator.kill()
    simulator.start()
    names = {each["metadata"]["name"] for each in simulator.call("GET", SHOOTS)["items"]}
    assert names == {f"kept{index}" for index in range(20)}


def test_an_operation_goes_on_after_kill_9_and_its_cluster_keeps_its_content(
    simulator_factory: SimulatorFactory,
) -> None:
    simulator = simulator_factory(in_memory=False)
    simulator.create_shoot("going")

    with config.new_client_from_config(str(simulator.kubeconfig_of("going"))) as api:
        client.CoreV1Api(api).create_namespaced_config_map("default", {"metadata": {"name": "kept"}})
    simulator.settings(reconcile_seconds=300)
    simulator.patch_shoot("going", {"spec": {"kubernetes": {"version": "1.35.4"}}})
    simulator.kill()
    simulator.start()
    assert simulator.wait_for("going")["status"]["lastOperation"]["type"] == "Reconcile"
    with config.new_client_from_config(str(simulator.kubeconfig_of("going"))) as api:
        core = client.CoreV1Api(api)
        assert core.read_namespaced_config_map("kept", "default")
        assert core.list_node().items[0].status.node_info.kubelet_version == "v1.35.4"


def test_versions_never_go_back_over_a_restart_and_old_watches_must_list_again(
    simulator_factory: SimulatorFactory,
) -> None:
    simulator = simulator_factory(in_memory=False)
    before = int(simulator.call("GET", SHOOTS)["metadata"]["resourceVersion"])
    simulator.kill()
    simulator.start()
    assert int(simulator.call("GET", SHOOTS)["metadata"]["resourceVersion"]) > before
    with pytest.raises(HTTPError) as caught:
        simulator.call("GET", f"{SHOOTS}?watch=1&resourceVersion={before}")
    assert caught.value.code == 410


def start(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line until it ends by itself."""
    command = [sys.executable, "-m", "provisioner.simulator", *words]
    return subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True, timeout=30)


def test_a_taken_port_is_one_line_and_exit_2(simulator: Simulator) -> None:
    done = start("--in-memory", "--port", str(simulator.port))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert str(simulator.port) in done.stderr


def test_a_corrupted_database_is_one_line_with_the_fix(tmp_path: Path) -> None:
    (tmp_path / "simulator.db").write_bytes(b"this is no database at all" * 100)
    done = start("--state", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "delete it" in done.stderr


def test_no_state_is_asked_for(tmp_path: Path) -> None:
    done = start()
    assert done.returncode == 2
    assert "--state" in done.stderr


def test_sigterm_ends_it_cleanly_with_watches_open(simulator_factory: SimulatorFactory) -> None:
    simulator = simulator_factory(in_memory=False)
    from tests.contracts.test_simulator_lists_and_watches import watching

    version = simulator.call("GET", SPACES)["metadata"]["resourceVersion"]
    with watching(simulator, SPACES, resourceVersion=version, timeoutSeconds=60) as events:
        begun = time.monotonic()
        simulator.stop()
        assert list(events) == []
    assert time.monotonic() - begun < 5
    assert simulator.process is not None
    assert simulator.process.returncode == 0
    assert not (simulator.folder / "ready.json").exists()
    assert "Traceback" not in (simulator.folder / "log").read_text()
