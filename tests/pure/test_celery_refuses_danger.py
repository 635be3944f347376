"""A worker or a beat does not start with settings that the web refuses."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize("process", ["worker", "beat"])
def test_a_process_of_celery_refuses_a_step_that_outlasts_its_lease(process: str) -> None:
    started = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "controlplane.config.celery", process],
        env={
            **os.environ,
            "EMBEDDED": "1",
            "DATABASE_URL": "postgres://nobody@/none",
            "BROKER_URL": "memory://",
            "STEP_TIMEOUT_SECONDS": "90",
            "LEASE_SECONDS": "60",
        },
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert started.returncode == 2, started.stderr
    assert "STEP_TIMEOUT_SECONDS (90)" in started.stderr
    assert "Traceback" not in started.stderr
