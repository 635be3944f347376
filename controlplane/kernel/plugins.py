"""A plug-in is a file: its name is the key, one attribute of it is the plug-in."""

from __future__ import annotations

from functools import cache
from importlib import import_module
from pkgutil import iter_modules
from typing import Any


@cache
def load(package: str, attribute: str) -> dict[str, Any]:
    """Return {file name: its `attribute`} for every module of `package` that has it.

    Two names are no plug-ins: `base` holds their contract, `registry` hands them out.
    """
    found: dict[str, Any] = {}
    for module in iter_modules(import_module(package).__path__):
        if module.name in {"base", "registry"}:
            continue
        loaded = import_module(f"{package}.{module.name}")
        if hasattr(loaded, attribute):
            found[module.name] = getattr(loaded, attribute)
    return found
