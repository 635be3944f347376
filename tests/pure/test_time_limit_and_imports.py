"""A step's time limit never leaves half of a library behind, and goes on behind a shorter one within it."""

from __future__ import annotations

import subprocess
import sys
from contextlib import suppress
from threading import Event

import pytest

from provisioner.operations.time_limit import OutOfTime, at_most

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


def test_behind_a_shorter_bound_the_longer_one_still_holds() -> None:
    came_back = Event()

    def act() -> None:
        with suppress(OutOfTime), at_most(0.05):
            Event().wait(30.0)
        came_back.set()
        Event().wait(30.0)

    with pytest.raises(OutOfTime), at_most(0.5):
        act()
    assert came_back.is_set()


def test_a_longer_bound_does_not_outlast_the_shorter_one_around_it() -> None:
    with pytest.raises(OutOfTime), at_most(0.05), at_most(30.0):
        Event().wait(5.0)
