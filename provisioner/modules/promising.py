"""What a module promises to tenants whatever stands behind it. Pure."""

from __future__ import annotations

from provisioner.modules.base import Module, Request
from provisioner.modules.objects import definition, resource
from provisioner.runtimes.inside import Json


def promised(module: Module, asked: Request) -> list[Json]:
    """Return the objects that an implementation from elsewhere stands behind: the module's own, or its kinds and its resource."""
    if module.promise is not None:
        return list(module.promise(asked))
    kinds = [definition(kind) for kind in module.data]
    if module.interface is None:
        return kinds
    return [definition(module.interface, module.schema), *kinds, resource(module.interface, asked.settings)]
