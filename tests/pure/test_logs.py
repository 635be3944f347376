"""A log tells where something broke, and none of the values that stood there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = """
import logging, sys
from controlplane.config.logging import logging_config
logging_config(level="INFO", style=sys.argv[1])
def fails():
    token = "".join(["nesoi", "_planted"])
    raise ValueError("it broke")
try:
    fails()
except ValueError:
    logging.getLogger("any").exception("step_broke")
"""


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_traceback_shows_no_local_variables(style: str) -> None:
    command = [sys.executable, "-c", PROGRAM, style]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    assert "it broke" in done.stderr
    assert "nesoi_planted" not in done.stderr


@pytest.mark.parametrize("style", ["console", "json"])
def test_a_request_that_was_refused_leaves_one_line(style: str) -> None:
    program = PROGRAM.replace('"any"', '"django.security.DisallowedHost"')
    done = subprocess.run(
        [sys.executable, "-c", program, style], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "step_broke" in done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) == 1
