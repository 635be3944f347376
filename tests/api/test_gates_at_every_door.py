"""What is approved too early, or closed twice, is told so by the API, on the page and on the command line alike."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from controlplane.kernel.clock import utcnow
from provisioner.rollouts.models import Approval, Gate, Rollout
from provisioner.rollouts.services import create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from tests.api.asking import Asking, problem, read
from tests.command_line import InProcess, Run, runner
from tests.rolling_out import NEW, Upgrades, fleet, upgrading
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db
PLAN = {
    "stages": [
        {"name": "canary", "share": 2, "after": [{"kind": "approval"}]},
        {"name": "rest", "before": [{"kind": "approval"}]},
    ],
    "max_concurrency": "100%",
}


@pytest.fixture
def page(world: World) -> Client:
    return browse(world.sam)


@pytest.fixture
def nesoi(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, world: World, tmp_path: Path
) -> Any:
    monkeypatch.setenv("NESOI_CONFIG", str(tmp_path / "config.yaml"))
    run: Run = runner(capsys, monkeypatch, InProcess())
    return lambda *words: run("rollouts", *words, token=world.sam.token)


@pytest.fixture
def rollout(world: World) -> Rollout:
    """Its canaries are at work."""
    fleet(world.shop, [world.landscape], 6)
    made = create_rollout(actor=world.sam.actor, name="October", release=NEW, selector="all", plan=PLAN)
    start_rollout(actor=world.sam.actor, rollout_id=made.pk)
    with upgrading(Upgrades()):
        tick(clock=utcnow())
    return made


def test_who_approves_before_a_gates_turn_reads_when_that_is(
    world: World, rollout: Rollout, page: Client, nesoi: Any
) -> None:
    behind, before = Gate.objects.order_by("stage__position")
    api, gates = Asking(world.sam), f"/rollouts/{rollout.pk}/gates"
    for gate, when in ((behind, "when stage canary is done"), (before, "when stage rest comes next")):
        assert problem(api.post(f"{gates}/{gate.pk}/approve", {})) == (409, "gate_not_asked_yet")
        answer = page.post(f"/fleet{gates}/{gate.pk}/approve", {"reason": ""})
        assert (answer.status_code, when in text(answer)) == (422, True)
        ended = nesoi("approve", "October", "--gate", str(gate.pk))
        assert (ended.status != 0, when in " ".join(ended.err.split())) == (True, True)
    assert "0 gates of October wait" in " ".join(nesoi("approve", "October").err.split())
    assert 'id="approve-' not in page.get(f"/fleet/rollouts/{rollout.pk}/").content.decode()
    assert not Approval.objects.exists()


def test_a_rollout_is_closed_once_at_every_door_and_its_gates_wait_for_nobody(
    world: World, rollout: Rollout, page: Client, nesoi: Any
) -> None:
    api, address, here = Asking(world.sam), f"/rollouts/{rollout.pk}", f"/fleet/rollouts/{rollout.pk}"
    assert nesoi("close", "October", "--reason", "enough", "--yes").status == 0
    assert problem(api.post(f"{address}/close", {"reason": "again"})) == (409, "rollout_closed")
    answer = page.post(f"{here}/close", {"reason": "again"})
    assert (answer.status_code, "already" in text(answer)) == (422, True)
    ended = nesoi("close", "October", "--reason", "again", "--yes")
    assert (ended.status != 0, "already" in ended.err) == (True, True)
    rollout.refresh_from_db()
    assert rollout.hold == "Closed by token:sam: enough"
    gates = [gate for stage in read(api.get(address))["stages"] for gate in stage["gates"]]
    assert {(gate["state"], gate["reason"]) for gate in gates} == {("pending", "asked no more")}
    for gate in gates:
        asked = f"{address}/gates/{gate['id']}"
        assert problem(api.post(f"{asked}/approve", {})) == (409, "gate_never_asked")
        assert problem(api.post(f"{asked}/open", {"reason": "x"})) == (409, "gate_never_asked")
    shown = page.get(f"{here}/").content.decode()
    assert ('id="do-close"' in shown, 'id="approve-' in shown, 'id="open-' in shown) == (False, False, False)
