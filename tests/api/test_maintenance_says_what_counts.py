"""The API and the command line say what counts of what puts upgrades off, in the words of the page Maintenance."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest

from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.rollouts.deferring import RULE
from tests.api.asking import Asking, read
from tests.command_line import InProcess, Run, runner
from tests.rolling_out import fleet
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db
WORDS = "Taken: 3 days. Left: 27 days."


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    monkeypatch.setenv("NESOI_CONFIG", str(tmp_path / "nesoi" / "config.yaml"))
    return runner(capsys, monkeypatch, InProcess())


def exclude(world: World) -> str:
    """Alice's own, and one of the platform's team for her tenant; return the name of the runtime that they concern."""
    begins = utcnow() + timedelta(days=1)
    shut = {
        "begins_at": rfc3339(begins),
        "ends_at": rfc3339(begins + timedelta(days=3)),
        "reason": "our fair",
    }
    assert Asking(world.alice).post("/maintenance-exclusions", shut).status_code == 201
    later = {
        **shut,
        "begins_at": rfc3339(begins + timedelta(days=30)),
        "ends_at": rfc3339(begins + timedelta(days=50)),
        "tenant": "archipel",
    }
    assert Asking(world.sam).post("/maintenance-exclusions", later).status_code == 201
    return fleet(world.shop, [world.landscape], 1)[0].name


def test_api_page_and_command_line_say_the_same(world: World, run: Run) -> None:
    name = exclude(world)
    told = read(Asking(world.alice).get("/maintenance-windows"))["deferral"]
    assert (told["rule"], told["words"]) == (RULE, WORDS)
    assert (told["taken_seconds"], told["left_seconds"]) == (3 * 86400, 27 * 86400)
    assert [one["what"] for one in told["counted"]] == [f"Excluded for {name}: our fair"]
    page = text(browse(world.alice).get("/maintenance/"))
    said = run("maintenance", token=world.alice.token)
    for words in (RULE, WORDS, f"Excluded for {name}: our fair"):
        assert words in page
        assert words in said.out + said.err
    assert "our fair" in run("maintenance", "--runtime", name, token=world.alice.token).out
    kept = json.loads(run("maintenance", "-o", "json", token=world.alice.token).out)
    assert kept["deferral"] == told
    assert len(kept["exclusions"]) == 2


def test_only_of_a_tenant_that_one_may_see(world: World) -> None:
    exclude(world)
    assert read(Asking(world.sam).get("/maintenance-windows"))["deferral"] is None
    assert read(Asking(world.sam).get("/maintenance-windows?tenant=archipel"))["deferral"]["words"] == WORDS
    assert read(Asking(world.bob).get("/maintenance-windows"))["deferral"]["counted"] == []
