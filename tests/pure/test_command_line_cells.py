"""Tables on the command line are for people: moments end with the second, in JSON and YAML they stay as they came."""

from __future__ import annotations

import pytest

from controlplane.cli.printing import Output, cell, show


@pytest.mark.parametrize(
    ("value", "seen"),
    [
        ("2026-11-23T10:00:00.123456Z", "2026-11-23T10:00:00Z"),
        ("2026-11-23T10:00:00.5+01:00", "2026-11-23T10:00:00+01:00"),
        ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        (["seen 2026-11-23T10:00:00.123456Z"], "seen 2026-11-23T10:00:00Z"),
        ("1.34.5", "1.34.5"),
        (None, ""),
    ],
)
def test_a_moment_is_shown_to_the_second(value: object, seen: str) -> None:
    assert cell(value).plain == seen


def test_a_script_gets_all_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"at": "2026-11-23T10:00:00.123456Z"}], Output.JSON)
    assert "10:00:00.123456Z" in capsys.readouterr().out
