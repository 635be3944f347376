"""What must hold for modules in the catalog's files: rooms above, which install them, say whether they can."""

from __future__ import annotations

from controlplane.catalog import ports
from controlplane.catalog.loading.catalog import Catalog

# Fetching charts and proving their digests needs a registry's client inside the provisioner; until it has one, a file that names
# a source is refused, so that nobody believes that it is installed.
NO_SOURCES = (
    "module {key} names a source, but this build installs its own manifests only and fetches none; take `source` out, or run a "
    "build whose provisioner/modules/catalogue renders that chart."
)


def review_modules(catalog: Catalog) -> None:
    """Note sources that nothing fetches, implementations that are not there, and sets that can't be installed."""
    for key, row in catalog.rows["module"].items():
        if row.get("source"):
            catalog.fault("module", key, ("source",), "module_source_unsupported", NO_SOURCES.format(key=key))
    for key, row in catalog.rows["release"].items():
        known = {name: text for name, text in row["modules"].items() if name in catalog.rows["module"]}
        for one in ports.release_faults(known):
            catalog.fault("release", key, ("modules", one.module), one.code, one.detail)
    for key, row in catalog.rows["plan"].items():
        chosen = row["definition"]["default_modules"]
        if set(chosen) <= catalog.rows["module"].keys():
            for one in ports.module_faults(chosen):
                catalog.fault("plan", key, ("default_modules",), "default_modules_impossible", one.detail)
