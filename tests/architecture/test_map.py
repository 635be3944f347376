"""The README's map and the tree tell the same story."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def rooms_of_the_tree() -> set[str]:
    return {
        f"{parent}/{path.name}"
        for parent in ("controlplane", "provisioner", "billing")
        for path in (ROOT / parent).iterdir()
        if (path / "__init__.py").exists()
    }


def test_the_readme_names_every_room_and_no_other() -> None:
    text = (ROOT / "README.md").read_text()
    named = set(re.findall(r"`((?:controlplane|provisioner|billing)/[a-z]+)/?`", text))
    assert named == rooms_of_the_tree()


def test_nothing_unexpected_lies_at_the_top() -> None:
    expected = {
        "controlplane",
        "provisioner",
        "billing",
        "templates",
        "deploy",
        "tests",
        "manage.py",
        "pyproject.toml",
        "README.md",
        "Makefile",
        "requirements.txt",
    }
    found = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert found - {"__pycache__"} <= expected


def test_the_image_holds_every_folder_that_runs() -> None:
    image = (ROOT / "deploy/Containerfile").read_text()
    copied = set(re.findall(r"^COPY --from=build /app/(\S+)", image, re.MULTILINE))
    assert copied == {"manage.py", "templates", "controlplane", "provisioner", "billing"}
