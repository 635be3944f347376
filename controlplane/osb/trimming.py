"""Older platforms know only the fields of their version: what came later is left out of their answers. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Minor version that a field came with, by the object it stands in; release notes and text of the specification.
SINCE: Mapping[str, Mapping[str, int]] = {
    "service": {
        "instances_retrievable": 14,
        "bindings_retrievable": 14,
        "allow_context_updates": 15,
        "binding_rotatable": 17,
    },
    "plan": {
        "plan_updateable": 15,
        "maximum_polling_duration": 15,
        "maintenance_info": 15,
        "binding_rotatable": 17,
    },
    "instance": {"maintenance_info": 16, "metadata": 16},
    "binding": {"endpoints": 15, "metadata": 16},
    "binding_metadata": {"renew_before": 17},
    "last_operation": {"instance_usable": 16, "update_repeatable": 16},
}


def trimmed(kind: str, value: Mapping[str, Any], minor: int) -> dict[str, Any]:
    """Return the object without the fields that version 2.`minor` does not know."""
    since = SINCE[kind]
    return {name: entry for name, entry in value.items() if since.get(name, 0) <= minor}
