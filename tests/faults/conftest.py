"""A folder for stacks that a lent user can enter."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.embedded.places import elsewheres, short_folder


@pytest.fixture(scope="module")
def open_folder_of_module() -> Iterator[Path]:
    """One for a whole file. Not pytest's own: every run of pytest closes that for others again."""
    yield from _open_folder()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """One for a single test."""
    yield from _open_folder()


def _open_folder() -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="nesoi-stack-"))
    folder.chmod(0o755)
    yield folder
    for state in folder.rglob("state"):
        for place in (short_folder(state), *elsewheres(state)):
            shutil.rmtree(place, ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)
