"""Adds a row to a list of the form, or takes one away, when a person presses its button; works without JavaScript."""

from __future__ import annotations

import re
from typing import Any

_POSITION = re.compile(r"[0-9]{1,4}")  # str.isdigit() knows digits that int() does not
ADD, REMOVE = "add", "remove"


def press(parameters: dict[str, Any], button: str) -> None:
    """Carry out "add:parameters.path.to.list" or "remove:parameters.path.to.list.2"; anything else changes nothing."""
    verb, _, path = button.partition(":")
    steps = path.split(".")[1:]
    if verb == ADD and steps:
        listed = _reach(parameters, steps)
        if isinstance(listed, list):
            listed.append({})
    elif verb == REMOVE and len(steps) > 1 and _POSITION.fullmatch(steps[-1]):
        listed = _reach(parameters, steps[:-1])
        if isinstance(listed, list) and int(steps[-1]) < len(listed):
            del listed[int(steps[-1])]


def _reach(value: Any, steps: list[str]) -> Any:
    for position, step in enumerate(steps):
        if isinstance(value, list) and _POSITION.fullmatch(step) and int(step) < len(value):
            value = value[int(step)]
        elif isinstance(value, dict):
            last = position == len(steps) - 1
            value = value.setdefault(step, [] if last else {})
        else:
            return None
    return value
