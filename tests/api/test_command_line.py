"""What a person or a script does with `nesoi`, against the real REST API."""

from __future__ import annotations

import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from controlplane.cli import client, watching
from controlplane.kernel.clock import utcnow
from provisioner.operations.models import Operation
from provisioner.operations.moves import State
from provisioner.rollouts.models import Waiver
from provisioner.runtimes.models import Runtime
from tests.command_line import InProcess, Run, runner
from tests.months import begin
from tests.rolling_out import fleet
from tests.world import World, order

pytestmark = pytest.mark.django_db


@pytest.fixture
def transport() -> InProcess:
    return InProcess()


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, transport: InProcess, tmp_path: Path
) -> Run:
    monkeypatch.setenv("NESOI_CONFIG", str(tmp_path / "nesoi" / "config.yaml"))
    monkeypatch.setattr(watching, "EVERY_SECONDS", 0.0)
    return runner(capsys, monkeypatch, transport)


@pytest.fixture
def signed_in(run: Run, world: World) -> Run:
    def as_alice(*words: str, token: str = world.alice.token) -> object:
        return run(*words, token=token)

    return as_alice  # type: ignore[return-value]


def test_whoever_signs_in_is_kept_in_a_file_that_nobody_else_reads(
    run: Run, world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: world.alice.token)
    ended = run("login", "http://testserver", "--name", "here")
    assert (ended.status, "alice of archipel" in ended.err) == (0, True)
    file = tmp_path / "nesoi" / "config.yaml"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert world.alice.token not in ended.out + ended.err + run("contexts", "-o", "json").out
    assert "archipel" in run("whoami").out
    assert run("use", "there").status == 2
    assert run("logout").status == 0
    assert run("whoami").status == 3


def test_a_wrong_token_is_not_kept(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("typer.prompt", lambda *_, **__: "nope")
    ended = run("login", "http://testserver")
    assert ended.status == 3
    assert len(ended.err.splitlines()) == 1
    assert not (tmp_path / "nesoi").exists()


def test_a_runtime_is_ordered_found_and_removed(signed_in: Run, world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    world.shop  # noqa: B018
    words = [
        "--account",
        "shop",
        "--plan",
        "aws",
        "--set",
        "region=eu-central-1",
        "--set",
        "autoScalerMax=6",
        "--label",
        "team=pay",
    ]
    begun = signed_in("runtimes", "create", "checkout", *words, "-o", "json")
    assert begun.status == 0, begun.err
    row = Runtime.objects.get()
    assert json.loads(begun.out)["runtime"]["id"] == str(row.id)
    assert (row.spec["parameters"]["autoScalerMax"], row.labels) == (6, {"team": "pay"})
    listed = signed_in("runtimes", "list", "--phase", "pending", "--label", "team=pay")
    assert "checkout" in listed.out
    assert yaml.safe_load(signed_in("runtimes", "get", "shop/checkout", "-o", "yaml").out)["id"] == str(
        row.id
    )
    assert signed_in("runtimes", "get", str(row.id)).status == 0
    assert signed_in("runtimes", "delete", "checkout", "--yes").status == 0
    assert Operation.objects.filter(runtime=row, kind="deprovision").exists()


def test_what_is_wrong_is_one_line_and_a_status_that_a_script_can_tell(signed_in: Run, world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    order(world)
    cases = {
        ("runtimes", "get", "checkuot"): (4, "There is no runtime"),
        ("runtimes", "list", "--phase", "sleeping"): (2, "phase"),
        ("runtimes", "create", "x", "--account", "shop", "--plan", "awz"): (2, "aws"),
        ("runtimes", "create", "x", "--account", "shop", "--plan", "aws", "--set", "oops"): (2, "key=value"),
        ("runtimes", "create", "x", "--account", "shop", "--plan", "aws", "--set", "a=[1"): (2, "YAML"),
        ("runtimes", "create", "x", "--account", "shop", "--plan", "aws", "--file", "/nowhere"): (
            2,
            "/nowhere",
        ),
        ("operations", "get", "nothing"): (4, "operation"),
        ("cost", "--month", "2026-13"): (2, "2026-11"),
        ("cost", "--by", "weather"): (2, "--by"),
        ("runtimes", "frob"): (2, "frob"),
        ("--context", "moon", "whoami"): (2, "moon"),
    }
    for words, (status, told) in cases.items():
        ended = signed_in(*words)
        assert (ended.status, told in ended.err, ended.out) == (status, True, ""), (words, ended)
        assert len(ended.err.strip().splitlines()) == 1, words
        assert "Traceback" not in ended.err
    assert signed_in("runtimes", "list", token="nope").status == 3


def test_nothing_is_removed_unasked(signed_in: Run, world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    order(world)
    ended = signed_in("runtimes", "delete", "checkout")
    assert (ended.status, "--yes" in ended.err) == (2, True)
    assert not Operation.objects.filter(kind="deprovision").exists()


def test_a_watch_ends_as_its_operation_does(signed_in: Run, world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    operation = order(world)
    Operation.objects.filter(pk=operation.pk).update(
        state=State.FAILED,
        slot=None,
        finished_at=operation.created_at,
        error_code="x",
        error_message="The quota is used up.",
    )
    ended = signed_in("operations", "watch", str(operation.pk))
    assert (ended.status, "The quota is used up." in ended.err) == (1, True)
    Operation.objects.filter(pk=operation.pk).update(state=State.SUCCEEDED, progress=100)
    assert signed_in("operations", "watch", str(operation.pk)).status == 0


def test_an_operation_is_held_and_let_go(signed_in: Run, world: World) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    operation = order(world)
    assert signed_in("operations", "pause", str(operation.pk), "--reason", "a look").status == 0
    operation.refresh_from_db()
    assert operation.state == State.PAUSED or operation.pause_requested_at
    assert "paused" in signed_in("operations", "list").out
    assert signed_in("operations", "resume", str(operation.pk)).status == 0


def test_every_page_of_a_list_is_read_when_all_is_asked_for(
    signed_in: Run, world: World, transport: InProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.landscape  # noqa: B018 - it stands from now on
    for number in range(3):
        order(world, name=f"shop-{number}")
    every = client.Api.every
    monkeypatch.setattr(
        client.Api,
        "every",
        lambda api, path, query=None, limit=0: every(api, path, {**(query or {}), "limit": 2}),
    )
    found = json.loads(signed_in("runtimes", "list", "--limit", "0", "-o", "json").out)
    assert len(found) == 3


def test_costs_and_releases_are_read(signed_in: Run) -> None:
    begin()
    for words in (
        ["cost", "-o", "json"],
        ["cost", "--by", "meter"],
        ["releases", "list"],
        ["releases", "channels"],
        ["releases", "get", "2026.10.1"],
    ):
        ended = signed_in(*words)
        assert ended.status == 0, (words, ended.err)
    assert "2026.10.1" in ended.out


def test_an_sre_publishes_points_and_withdraws_and_nobody_else(run: Run, world: World) -> None:
    draft, fast = "2026.12.1", "2026.11.1"

    def sam(*words: str) -> Any:
        return run("releases", *words, token=world.sam.token)

    assert "draft" in sam("list").out
    assert json.loads(sam("get", draft, "-o", "json").out)["requires"] == ["2026.10.1"]
    unasked = sam("publish", draft)
    assert (unasked.status, "add --yes" in unasked.err) == (2, True)
    assert run("releases", "publish", draft, "--yes", token=world.alice.token).status == 3
    assert yaml.safe_load(sam("publish", draft, "--yes", "-o", "yaml").out)["state"] == "published"
    again = sam("publish", draft, "--yes")
    assert (again.status, again.err) == (5, f"nesoi: Release {draft} is published already.\n")
    assert run("releases", "point", "fast", draft, "--yes", token=world.alice.token).status == 3
    assert sam("withdraw", fast, "--reason", "broken", "--yes").status == 5, "a channel points there"
    assert "Channel fast points to" in sam("point", "fast", draft, "--yes").err
    assert "already" in sam("point", "fast", draft).err
    assert sam("point", "fats", draft, "--yes").status == 4
    assert "Did you mean 2026.12.1?" in sam("point", "fast", "2026.12.11", "--yes").err
    assert "withdrawn" in sam("withdraw", fast, "-r", "broken", "--yes").out
    assert sam("withdraw", fast, "--yes").status == 2, "it needs a reason"


def test_an_sre_plans_starts_watches_holds_and_closes_a_rollout(run: Run, world: World) -> None:
    fleet(world.shop, [world.landscape], 3)

    def sam(*words: str) -> Any:
        return run(*words, token=world.sam.token)

    wish = ("--release", "2026.10.1", "--selector", "all")
    planned = sam("rollouts", "plan", *wish)
    assert (planned.status, "canary" in planned.out) == (0, True)
    assert sam("rollouts", "create", "October", *wish, "--priority", "5").status == 0
    assert "is a draft" in sam("rollouts", "watch", "October").err
    started = sam("rollouts", "start", "October", "--yes", "-o", "json")
    assert json.loads(started.out)["state"] == "running"
    assert "October is paused" in sam("rollouts", "pause", "October", "--reason", "a look").err
    assert "a look" in sam("rollouts", "get", "October").out
    assert sam("rollouts", "watch", "October").status != 0
    assert "October is running" in sam("rollouts", "resume", "October").err
    assert sam("rollouts", "retry", "October").status != 0
    listed = json.loads(sam("rollouts", "targets", "October", "--state", "planned", "-o", "json").out)
    assert [one["runtime"]["name"] for one in listed]
    put = sam("rollouts", "prioritise", "October", "--target", listed[0]["id"]).err
    assert "1 target of October is put in front." in put
    refused = sam("rollouts", "plan", *wish)
    assert (refused.status != 0, "allow the overlap" in refused.err) == (True, True)
    assert sam("rollouts", "plan", *wish, "--overlap").status == 0
    overlapping = json.loads(sam("rollouts", "create", "November", *wish, "--overlap", "-o", "json").out)
    assert (overlapping["overlap"], overlapping["state"]) == (True, "draft")
    skipped = sam("rollouts", "skip", "October", "--target", listed[0]["id"], "-r", "its people asked").err
    assert "1 target of October is skipped." in skipped
    assert "its people asked" in sam("rollouts", "targets", "October", "--because", "skipped").out
    assert "October is being closed" in sam("rollouts", "close", "October", "--reason", "enough", "--yes").err
    report = sam("fleet", "report")
    assert (report.status, "r-shop-00000" in report.out) == (0, True)
    until = f"{utcnow() + timedelta(days=30):%Y-%m-%d}"
    waive = ("fleet", "waive", "r-shop-00000", "--owner", "ada@example.org", "-r", "migrates", "--until")
    assert f"ada@example.org answers for r-shop-00000 until the end of {until}" in sam(*waive, until).err
    assert f"{Waiver.objects.get().expires_at:%Y-%m-%d %H}" == f"{until} 23"
    assert sam(*waive, "2020-01-01").status != 0
    assert sam("fleet", "stop", "--reason", "a fire", "--yes").status == 0
    assert sam("fleet", "release-stop").status == 0
