"""The first command on an empty machine: which Python it takes, and what it says where it finds none that fits."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SCRIPT = ROOT / "deploy/make-virtualenv"
SERVED = SCRIPT.read_text().partition('served="')[2].partition('"')[0].split()

# A Python of another version: it stands by that word, and makes no virtualenv.
OTHER = f"""#!/bin/sh
[ "$1" != -m ] || {{ echo "asked for $*"; exit 1; }}
[ "$1" = -c ] || {{ echo "Python VERSION"; exit 0; }}
exec {sys.executable} -c 'import sys; sys.version_info = VERSION; sys.abiflags = "FLAGS"; exec(sys.argv[1])' "$2"
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A folder with a lock in it, and a `bin` that has what a shell needs and no Python yet."""
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "cat", "cksum", "uname", "rm", "grep", "sleep", "tail", "dirname", "rmdir"):
        (tmp_path / "bin" / tool).symlink_to(
            f"/usr/bin/{tool}" if Path(f"/usr/bin/{tool}").exists() else f"/bin/{tool}"
        )
    (tmp_path / "requirements.txt").write_text("")
    return tmp_path


def has(machine: Path, name: str, version: str) -> None:
    """Put a Python there."""
    major, minor, flags = *version.removesuffix("t").split("."), "t" * version.endswith("t")
    text = OTHER.replace("VERSION", f"({major}, {minor}, 0)").replace("FLAGS", flags)
    (machine / "bin" / name).write_text(text)
    (machine / "bin" / name).chmod(0o755)


def make(machine: Path, venv: str = ".venv", **environment: str) -> str:
    """Return what the script says; it never comes to its end here."""
    done = subprocess.run(
        ["sh", str(SCRIPT), venv],
        cwd=machine,
        env={"PATH": str(machine / "bin"), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 2, done.stdout + done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize("version", SERVED)
def test_the_usual_python_is_taken_when_the_packages_are_there_for_it(machine: Path, version: str) -> None:
    has(machine, "python3", version)
    has(machine, "python3.11", "3.11")
    said = make(machine)
    assert f"Making .venv with Python ({version.replace('.', ', ')}, 0)" in said


@pytest.mark.parametrize("version", ["3.10", "3.15", "3.14t", "2.7"])
def test_one_that_is_too_old_or_too_new_gives_way_to_another(machine: Path, version: str) -> None:
    has(machine, "python3", version)
    has(machine, "python3.13", "3.13")
    assert "Making .venv with Python (3, 13, 0)" in make(machine)


def test_with_none_that_fits_it_says_which_would(machine: Path) -> None:
    has(machine, "python3", "3.15")
    said = make(machine)
    assert "None of Python 3.11 3.12 3.13 3.14 was found here (python3 is Python 3.15)" in said
    assert "PYTHON=/path/to/python3" in said


def test_with_none_at_all_it_says_so(machine: Path) -> None:
    assert "was found here. Install one" in make(machine)


def test_one_that_is_named_is_taken_or_refused_by_name(machine: Path) -> None:
    has(machine, "python3", "3.12")
    has(machine, "mine", "3.13")
    has(machine, "newest", "3.15")
    assert "Making .venv with Python (3, 13, 0)" in make(machine, PYTHON="mine")
    assert "PYTHON=newest is Python 3.15: name one of 3.11" in make(machine, PYTHON="newest")
    assert "PYTHON=absent is no Python that starts" in make(machine, PYTHON="absent")


def test_a_virtualenv_of_another_version_than_the_named_one_is_made_anew(machine: Path) -> None:
    (machine / ".venv/bin").mkdir(parents=True)
    (machine / ".venv/pyvenv.cfg").write_text("home = /usr/bin\n")
    has(machine, "../.venv/bin/python", "3.12")
    has(machine, "mine", "3.13")
    assert "Making .venv with Python (3, 13, 0)" in make(machine, PYTHON="mine")
    assert not (machine / ".venv").exists()


def test_what_is_no_virtualenv_is_neither_removed_nor_written_into(machine: Path) -> None:
    has(machine, "python3", "3.12")
    thesis = machine / "desk/thesis"
    thesis.parent.mkdir()
    thesis.touch()
    assert "desk is no virtualenv and not empty: nothing was changed" in make(machine, "desk")
    assert "thesis is no folder" in make(machine, "desk/thesis")
    has(machine, "../desk/python", "3.12")
    (machine / "desk/bin").mkdir()
    (machine / "desk/python").rename(machine / "desk/bin/python")
    assert "desk is no virtualenv" in make(machine, "desk"), "not a Python's own folder either"
    assert thesis.exists()


@pytest.mark.parametrize("named", ["home", "home/", "link", ".", "/", ".."])
def test_a_home_folder_or_the_checkout_stays_even_where_somebody_made_a_virtualenv_of_it(
    machine: Path, named: str
) -> None:
    (machine / "home/.ssh").mkdir(parents=True)
    (machine / "link").symlink_to("home")
    for place in ("home", "."):
        (machine / place / "pyvenv.cfg").write_text("home = /usr/bin\n")
    has(machine, "python3", "3.12")
    said = make(machine, named, HOME=str(machine / "home"))
    assert "is in it, and nothing was changed" in said or "is not yours to write in" in said
    assert (machine / "home/.ssh").exists()


def test_an_empty_folder_is_as_good_as_none(machine: Path) -> None:
    (machine / ".venv").mkdir()
    has(machine, "python3", "3.12")
    assert "Making .venv with" in make(machine)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_in_somebody_elses_folder_it_says_so_and_removes_nothing(machine: Path) -> None:
    (machine / ".venv").mkdir()
    (machine / ".venv/kept").touch()
    has(machine, "python3", "3.12")
    (machine / ".venv").chmod(0o555)
    assert ".venv is not yours to write in" in make(machine)
    machine.chmod(0o555)
    assert f"{machine} is not yours to write in" in make(machine)
    machine.chmod(0o755)
    assert (machine / ".venv/kept").exists()


def test_the_project_says_the_same_versions() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    lowest, highest = (int(version.partition(".")[2]) for version in (SERVED[0], SERVED[-1]))
    assert project["requires-python"] == f">=3.{lowest},<3.{highest + 1}"
    prefix = "Programming Language :: Python :: 3."
    told = [entry.removeprefix(prefix) for entry in project["classifiers"] if entry.startswith(prefix)]
    assert [f"3.{minor}" for minor in told] == SERVED
    assert f"{sys.version_info[0]}.{sys.version_info[1]}" in SERVED
