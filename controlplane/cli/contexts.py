"""Whom the command speaks to: named contexts in one YAML file that only its owner may read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import yaml

from controlplane.cli.problems import CliProblem, Status


@dataclass(frozen=True)
class Place:
    """A Nesoi and a token for it."""

    url: str
    token: str = field(repr=False)


@dataclass(frozen=True)
class Contexts:
    """All that the file holds."""

    current: str = ""
    places: Mapping[str, Place] = field(default_factory=dict)


def path_of_file() -> Path:
    """Return where the file is: NESOI_CONFIG, or nesoi/config.yaml in the user's folder for configuration."""
    if named := os.environ.get("NESOI_CONFIG"):
        return Path(named)
    base = os.environ.get("XDG_CONFIG_HOME") or str(Path.home() / ".config")
    return Path(base) / "nesoi" / "config.yaml"


def read() -> Contexts:
    """Return what the file says; one that is not there says nothing. Raises CliProblem for one that can't be read."""
    path = path_of_file()
    try:
        given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        places = {str(name): Place(**place) for name, place in given.get("contexts", {}).items()}
        return Contexts(str(given.get("current", "")), places)
    except FileNotFoundError:
        return Contexts()
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError, AttributeError) as fault:
        detail = f"{path} can't be read ({type(fault).__name__}); mend it, or remove it and sign in again with `nesoi login`."
        raise CliProblem(detail) from fault


def write(contexts: Contexts) -> Path:
    """Replace the file as a whole, so that a broken-off write leaves the old one. Raises CliProblem."""
    path = path_of_file()
    content: dict[str, Any] = {
        "current": contexts.current,
        "contexts": {name: asdict(place) for name, place in contexts.places.items()},
    }
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with os.fdopen(
            os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as file:
            yaml.safe_dump(content, file, sort_keys=False)
        fresh.replace(path)
    except OSError as fault:
        raise CliProblem(
            f"{path} can't be written: {fault.strerror}. Set NESOI_CONFIG to another file."
        ) from fault
    return path


def chosen(name: str = "") -> Place:
    """Return the place to speak to: NESOI_URL and NESOI_TOKEN, else the named context, else the current one."""
    url, token = os.environ.get("NESOI_URL", ""), os.environ.get("NESOI_TOKEN", "")
    if url and token and not name:
        return Place(url, token)
    contexts = read()
    wanted = name or os.environ.get("NESOI_CONTEXT", "") or contexts.current
    if not wanted:
        detail = "You are not signed in. Run `nesoi login https://…`, or set NESOI_URL and NESOI_TOKEN."
        raise CliProblem(detail, Status.NOT_ALLOWED)
    place = contexts.places.get(wanted)
    if place is None:
        known = ", ".join(sorted(contexts.places)) or "none yet"
        raise CliProblem(f"There is no context “{wanted}”; there is: {known}. `nesoi login` adds one.")
    return place
