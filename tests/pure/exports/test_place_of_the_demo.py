"""The demo has a place for FOCUS files; whoever names another one gets that."""

from __future__ import annotations

from pathlib import Path

from controlplane.embedded.processes import environment


def test_the_demo_has_a_place_for_exports(tmp_path: Path) -> None:
    given = {"SEALING_KEY_FILE": "/nowhere"}
    assert environment(tmp_path, 8000, given, {})["FOCUS_EXPORT_TO"] == str(tmp_path / "exports")
    named = {**given, "FOCUS_EXPORT_TO": "s3://finance/focus"}
    assert environment(tmp_path, 8000, named, {})["FOCUS_EXPORT_TO"] == "s3://finance/focus"
    assert "FOCUS_EXPORT_TO" not in environment(tmp_path, 8000, {**given, "DEMO_DATA": "0"}, {})
