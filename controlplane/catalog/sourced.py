"""A version of a module whose objects come from elsewhere: which bundle, and how the platform sets it. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

COLUMNS = (
    "key",
    "implementation",
    "version",
    "source",
    "namespace",
    "chart_values",
    "setting_paths",
    "resources",
    "footprint",
)


@dataclass(frozen=True)
class SourcedVersion:
    """What the catalog's file says of one version of one module; `key` is "module/implementation@version".

    `source` is {"kind": "manifests" or "chart", "url", "digest", of a chart its "version", and "namespace" where the bundle names
    one that it was made for}. `setting_paths` says where in the chart's values each of the tenant's settings goes, `resources`
    what containers request in place of what they say, and `footprint` what the whole may request where that is more than the
    module declares.
    """

    key: str
    module: str
    implementation: str
    version: str
    source: Mapping[str, str]
    namespace: str = ""
    chart_values: Mapping[str, Any] = field(default_factory=dict)
    setting_paths: Mapping[str, Any] = field(default_factory=dict)
    resources: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    footprint: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_chart(self) -> bool:
        """Whether its objects are rendered from a Helm chart."""
        return self.source["kind"] == "chart"

    @property
    def is_in_registry(self) -> bool:
        """Whether its digest is that of a registry's manifest, which names the chart in its turn."""
        return self.source["url"].startswith("oci://")

    @property
    def digest(self) -> str:
        """What its bundle is known by."""
        return self.source["digest"]


def version_key(module: str, implementation: str, version: str) -> str:
    """Return what a module's version is called, as releases name it behind the module."""
    return f"{module}/{implementation}@{version}"


def sourced_version(row: Mapping[str, Any]) -> SourcedVersion:
    """From a row of the table or of the files, which name their fields alike."""
    return SourcedVersion(module=row["module_id"], **{name: row[name] for name in COLUMNS})
