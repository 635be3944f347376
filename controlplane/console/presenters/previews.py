"""What a rollout would do, as pages show it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from controlplane.console.presenters.rollouts import when
from provisioner.rollouts.previewing import Preview


def shown_of(preview: Preview) -> dict[str, Any]:
    """Return what `console/fleet/_preview.html` needs."""
    counted = (("Plans", preview.plans), ("Regions", preview.regions), ("They run now", preview.releases))
    return {
        "preview": preview,
        "when": when(preview.finish),
        "touched": [(title, _counted(counts)) for title, counts in counted],
    }


def _counted(counts: Mapping[str, int]) -> list[str]:
    """By what, the most first."""
    return [f"{key or 'none'} {counts[key]}" for key in sorted(counts, key=lambda key: -counts[key])]
