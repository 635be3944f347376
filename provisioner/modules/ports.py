"""What rendering asks of the room's shell, which fills it at start-up: settings, and what the catalog has of elsewhere.

Read it through the module.
"""

from __future__ import annotations

from collections.abc import Callable

from provisioner.modules.base import Implementation
from provisioner.modules.images import Images


def nothing_sourced(_key: str, _implementation: str, _version: str) -> Implementation | None:
    """The answer of whoever has no catalog."""
    return None


images: Images = Images()

# The implementation of a module's version that comes from elsewhere, None where the catalog has none.
sourced: Callable[[str, str, str], Implementation | None] = nothing_sourced
