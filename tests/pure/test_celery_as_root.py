"""What a worker says when root starts it."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

AS_ROOT = """
import controlplane.config.celery
from celery import platforms
platforms._warn_or_raise_security_error(0, 0, 0, 0, False)
"""


@pytest.mark.parametrize(("embedded", "warned"), [("1", False), ("0", True)])
def test_root_is_warned_except_in_the_embedded_stack(embedded: str, warned: bool) -> None:
    ran = subprocess.run(
        [sys.executable, "-c", AS_ROOT],
        env={
            **os.environ,
            "EMBEDDED": embedded,
            "SECRET_KEY": "k" * 64,
            "DATABASE_URL": "postgres://nobody@/none",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert ("superuser privileges" in ran.stderr) is warned
