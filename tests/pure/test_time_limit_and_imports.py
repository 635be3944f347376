"""A step's time limit never leaves half of a library behind."""

from __future__ import annotations

import subprocess
import sys

SCRIPT = """
import sys
from provisioner.drivers.kube.client import kubernetes_client
from provisioner.operations.time_limit import OutOfTime, at_most
try:
    with at_most(0.02):
        kubernetes_client()
except OutOfTime:
    print("late", "kubernetes.client.api_client" in sys.modules)
"""


def test_a_first_use_that_takes_too_long_ends_with_the_whole_library() -> None:
    command = [sys.executable, "-c", SCRIPT]
    told = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert told.stdout.split() == ["late", "True"], told.stderr
