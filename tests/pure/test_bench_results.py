"""`make bench` writes what others read: its keys, whether each goal holds; a broken benchmark does not hide the others."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from tests.bench import __main__ as bench

SHAPE = {"name", "value", "unit", "goal", "at", "holds", "detail"}


def entry(name: str, *, holds: bool = True) -> dict[str, Any]:
    return {"name": name, "value": 1.0, "unit": "x", "goal": 2.0, "at": "most", "holds": holds, "detail": {}}


def module(*entries: dict[str, Any], names: list[str] | None = None) -> ModuleType:
    def run() -> list[dict[str, Any]]:
        if not entries:
            raise RuntimeError("no disk")
        return list(entries)

    given = names or [each["name"] for each in entries]
    return cast("ModuleType", SimpleNamespace(NAMES=given, run=run))


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(bench, "RESULT", tmp_path / "made" / "bench.json")
    monkeypatch.delenv("ONLY", raising=False)
    return bench.RESULT


def serve(monkeypatch: pytest.MonkeyPatch, *modules: ModuleType) -> None:
    monkeypatch.setattr(bench, "benchmarks", lambda: list(modules))


def test_results_have_the_shape_that_is_promised(result: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    serve(monkeypatch, module(entry("one"), entry("two")))
    assert bench.main() == 0
    written = json.loads(result.read_text())
    assert set(written) == {"machine", "results"}
    assert [each["name"] for each in written["results"]] == ["one", "two"]
    assert all(set(each) == SHAPE for each in written["results"])
    assert all(each["detail"]["took_seconds"] >= 0 for each in written["results"])


@pytest.mark.parametrize("broken", [module(names=["bad"]), module(entry("bad", holds=False))])
def test_a_goal_that_is_missed_fails_the_run_and_the_others_are_written(
    result: Path, monkeypatch: pytest.MonkeyPatch, broken: ModuleType
) -> None:
    serve(monkeypatch, broken, module(entry("good")))
    assert bench.main() == 1
    written = {each["name"]: each for each in json.loads(result.read_text())["results"]}
    assert (written["bad"]["holds"], written["good"]["holds"]) == (False, True)
    assert all(set(each) == SHAPE for each in written.values())


def test_only_what_is_named_is_measured(
    result: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    serve(monkeypatch, module(entry("one"), entry("two")), module(names=["never"]))
    monkeypatch.setenv("ONLY", "two")
    assert bench.main() == 0
    assert [each["name"] for each in json.loads(result.read_text())["results"]] == ["two"]
    monkeypatch.setenv("ONLY", "tow")
    assert bench.main() == 2
    assert "Nobody measures tow" in capsys.readouterr().out


def test_the_figures_of_a_running_runtime_are_all_measured() -> None:
    known = {name for each in bench.benchmarks() for name in each.NAMES}
    assert known >= {
        "accept_ratio",
        "engine_ratio",
        "engine_statements_per_step",
        "provision_1000_ratio",
        "list_growth",
        "idle_growth",
    }
