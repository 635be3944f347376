"""A version of a module with a source, as the table and the file both say it."""

from __future__ import annotations

from typing import Any

from controlplane.catalog.sourced import version_key

UPSTREAM = "upstream"  # what an implementation is called that the file does not name


def module_version_row(module: str, entry: dict[str, Any]) -> dict[str, Any]:
    """Return the row of an entry of a module's `versions`."""
    implementation = entry.get("implementation", UPSTREAM)
    return {
        "key": version_key(module, implementation, entry["version"]),
        "module_id": module,
        "implementation": implementation,
        "version": entry["version"],
        "source": entry["source"],
        "namespace": entry.get("namespace", ""),
        "chart_values": entry.get("values", {}),
        "setting_paths": entry.get("settings", {}),
        "resources": entry.get("resources", {}),
        "footprint": entry.get("footprint", {}),
    }


def named_by(release: dict[str, Any]) -> set[str]:
    """Return the keys that a release's modules would have as versions with a source; not each has one."""
    found = set()
    for module, text in release["modules"].items():
        implementation, _, version = text.rpartition("@")
        found.add(version_key(module, implementation, version))
    return found
