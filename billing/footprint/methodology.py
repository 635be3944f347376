"""A version's figures in the order that people read them in. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from billing.footprint.carbon_factors import OTHER, Factors, Figure

PROVIDERS = {"aws": "AWS", "gcp": "Google Cloud", "azure": "Azure", OTHER: "any other provider"}


class Listed(NamedTuple):
    """One figure: its key for machines, its group and title for people, its unit."""

    key: str
    group: str
    title: str
    unit: str
    figure: Figure


def listed(factors: Factors) -> Iterator[Listed]:
    """Yield every figure, group after group."""
    powers = [(f"watts.{key}", PROVIDERS.get(key, key), one) for key, one in factors.watts.items()]
    powers += [(f"watts.{one.name}", one.name, one) for one in factors.families]
    for key, title, one in powers:
        for state, span in (("idle", one.idle), ("busy", one.busy)):
            figure = Figure(span, one.source, one.note)
            yield Listed(f"{key}.{state}", "Power of a vCPU", f"{title}, {state}", "W", figure)
    for key, figure in factors.overhead.items():
        yield Listed(f"overhead.{key}", "Overhead of a data centre", PROVIDERS.get(key, key), "times", figure)
    for key, figure in factors.memory.items():
        title = PROVIDERS.get(key, key)
        yield Listed(f"memory.{key}.kwh_per_gb_hour", "Energy of memory", title, "kWh per GB-hour", figure)
    rest = "Storage, use that is unknown, and making of servers"
    yield Listed("storage.wh_per_tb_hour", rest, "Storage, for each copy", "Wh per TB-hour", factors.storage)
    yield Listed(
        "utilisation_unknown", rest, "Use, where a cluster tells none", "share", factors.utilisation_unknown
    )
    yield Listed("embodied.server_kg", rest, "Making a server", "kg CO2e", factors.server_kg)
    yield Listed("embodied.server_vcpus", rest, "A server's processors", "vCPU", factors.server_vcpus)
    for region, figure in factors.grid.items():
        also = [other for other, same in factors.same_grid.items() if same == region]
        title = f"{region} (and {', '.join(also)})" if also else region
        yield Listed(f"grid.{region}.g_per_kwh", "Grid", title, "g CO2e per kWh", figure)
    yield Listed("grid.unknown.g_per_kwh", "Grid", "any other region", "g CO2e per kWh", factors.unknown_grid)
