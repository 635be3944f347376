"""The tab key: names that the server knows are offered, only those that may be, and a server that fails is not heard."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import httpx2
import pytest

from provisioner.rollouts.services import create_rollout
from tests.command_line import InProcess, runner
from tests.rolling_out import NEW, fleet, no_gates
from tests.world import World

pytestmark = pytest.mark.django_db
Tab = Callable[..., list[str]]


def tab_with(
    transport: httpx2.BaseTransport,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    folder: Path,
) -> Tab:
    monkeypatch.setenv("NESOI_CONFIG", str(folder / "config.yaml"))
    monkeypatch.setenv("_NESOI_COMPLETE", "complete_bash")
    run = runner(capsys, monkeypatch, transport)

    def tab(*words: str, token: str = "") -> list[str]:
        """What bash is offered for the last of these words."""
        monkeypatch.setenv("COMP_WORDS", " ".join(["nesoi", *words]))
        monkeypatch.setenv("COMP_CWORD", str(len(words)))
        with suppress(SystemExit):
            run(token=token)
        written = capsys.readouterr()
        assert written.err == ""
        return [one for one in written.out.split("\n") if one]

    return tab


@pytest.fixture
def tab(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Tab:
    return tab_with(InProcess(), capsys, monkeypatch, tmp_path)


def test_runtimes_are_completed_by_name_and_behind_their_account_and_nobody_elses(
    tab: Tab, world: World
) -> None:
    names = [one.name for one in fleet(world.shop, [world.landscape], 2)]
    fleet(world.main, [world.landscape], 1)
    assert sorted(tab("runtimes", "get", "r-", token=world.alice.token)) == names
    assert tab("runtimes", "get", names[1][:-1] + "1", token=world.alice.token) == names[1:]
    behind = tab("runtimes", "get", "shop/r", token=world.alice.token)
    assert sorted(behind) == [f"shop/{name}" for name in names]
    assert tab("runtimes", "get", "x", token=world.alice.token) == []


def test_rollouts_and_releases_are_completed_but_no_name_that_a_shell_would_read(
    tab: Tab, world: World
) -> None:
    fleet(world.shop, [world.landscape], 1)
    for name in ("Oct-1", "Oct 2", "Oct$(reboot)", "Nov"):
        create_rollout(actor=world.sam.actor, name=name, release=NEW, selector="all", plan=no_gates("rest"))
    assert tab("rollouts", "get", "Oct", token=world.sam.token) == ["Oct-1"]
    assert NEW in tab("rollouts", "plan", "--release", "2026.", token=world.sam.token)
    assert tab("rollouts", "get", "Oct", token=world.alice.token) == [], "tenants see no rollouts"


@pytest.mark.parametrize("how", ["down", "broken", "slow"])
def test_a_server_that_fails_offers_nothing_and_is_asked_once(
    how: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[dict[str, float]] = []

    class Failing(httpx2.BaseTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            asked.append(request.extensions["timeout"])
            if how == "broken":
                return httpx2.Response(503, text="<html>")
            raise (httpx2.ConnectError if how == "down" else httpx2.ReadTimeout)("no")

    monkeypatch.setattr("controlplane.cli.client.time.sleep", lambda _: pytest.fail("waits for a tab key"))
    tab = tab_with(Failing(), capsys, monkeypatch, tmp_path)
    assert tab("runtimes", "get", "r", token="any") == []
    assert len(asked) == 1
    assert max(asked[0].values()) <= 2.0


def test_whoever_has_not_signed_in_is_offered_nothing(tab: Tab) -> None:
    assert tab("runtimes", "get", "r") == []
