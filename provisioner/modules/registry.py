"""Hands out the catalogue's modules. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from controlplane.kernel.plugins import load
from provisioner.modules.base import Module

_PACKAGE = "provisioner.modules.catalogue"


@cache
def all_modules() -> Mapping[str, Module]:
    """Return {key: module}."""
    found: dict[str, Module] = {}
    for name, module in load(_PACKAGE, "module").items():
        if module.key != name.replace("_", "-"):
            raise ValueError(f"{_PACKAGE}.{name} holds the module {module.key}; name the file after its key.")
        found[module.key] = module
    return found
