"""The factors that carbon is estimated with: versioned files, read once, every figure exact and with its source. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

FOLDER = Path(__file__).parent / "factors"
OTHER = "other"


class FactorError(ValueError):
    """A file of factors that can't be believed; the message names the file and what is wrong."""


class Range(NamedTuple):
    """A figure: the lowest it may be, the one that is shown, the highest it may be."""

    low: Fraction
    mid: Fraction
    high: Fraction


@dataclass(frozen=True)
class Source:
    """Where figures come from."""

    title: str
    url: str
    licence: str
    vintage: str


@dataclass(frozen=True)
class Figure:
    """A figure, its source's key and what must be known of it."""

    range: Range
    source: str
    note: str = ""


@dataclass(frozen=True)
class Watts:
    """A vCPU's power, idle and busy; `machines` are beginnings of machine types' names."""

    name: str
    idle: Range
    busy: Range
    source: str
    note: str = ""
    machines: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Factors:
    """One version; the same only as itself, so that what is made of it can be kept."""

    version: int
    title: str
    effective_from: date
    sources: Mapping[str, Source]
    watts: Mapping[str, Watts]
    families: tuple[Watts, ...]
    utilisation_unknown: Figure
    overhead: Mapping[str, Figure]
    memory: Mapping[str, Figure]  # kWh of a GB-hour
    storage: Figure  # Wh of a TB-hour
    copies: Mapping[str, int]  # by meter
    server_kg: Figure
    server_vcpus: Figure
    server_hours: int
    grid: Mapping[str, Figure]  # gCO2e of a kWh, by region
    same_grid: Mapping[str, str]
    unknown_grid: Figure
    left_out: tuple[str, ...]

    def watts_of(self, provider: str, machine: str) -> Watts:
        """Return a machine type's power: its processor's, else its provider's, else that of any."""
        for family in self.families:
            if machine.startswith(family.machines):
                return family
        return self.watts.get(provider, self.watts[OTHER])

    def grid_of(self, region: str) -> tuple[Figure, bool]:
        """Return a region's figure, and whether there is one."""
        found = self.grid.get(self.same_grid.get(region, region))
        return (found, True) if found else (self.unknown_grid, False)


def read_factors(text: str, name: str) -> Factors:
    """Read a version; raises FactorError for one whose figures are no ranges or name no source."""
    try:
        return _factors(yaml.safe_load(text))
    except (KeyError, TypeError, ValueError, ZeroDivisionError) as error:
        raise FactorError(f"{name}: {type(error).__name__} {error}") from error


@cache
def every_version() -> tuple[Factors, ...]:
    """Return all versions, oldest first; raises FactorError."""
    found = [read_factors(path.read_text(), path.name) for path in FOLDER.glob("*.yaml")]
    return tuple(sorted(found, key=lambda factors: (factors.effective_from, factors.version)))


def factors_of(day: date) -> Factors:
    """Return the version that holds on a day: the newest that is effective, else the oldest there is."""
    versions = every_version()
    return next((one for one in reversed(versions) if one.effective_from <= day), versions[0])


def _factors(data: Mapping[str, Any]) -> Factors:
    sources = {key: Source(**entry) for key, entry in data["sources"].items()}
    grid, storage, embodied = data["grid"], data["storage"], data["embodied"]
    spread = _exact(grid["spread"])
    found = Factors(
        version=int(data["version"]),
        title=data["title"],
        effective_from=data["effective_from"],
        sources=sources,
        watts={key: _watts(key, entry) for key, entry in data["watts"].items()},
        families=tuple(_watts(entry["name"], entry) for entry in data["families"]),
        utilisation_unknown=_figure(data["utilisation_unknown"], "share"),
        overhead={key: _figure(entry) for key, entry in data["overhead"].items()},
        memory={key: _figure(entry) for key, entry in data["memory_kwh_per_gb_hour"].items()},
        storage=_figure(storage["wh_per_tb_hour"]),
        copies=dict(storage["copies"]),
        server_kg=_figure(embodied["server_kg"]),
        server_vcpus=_falling(embodied["server_vcpus"]),
        server_hours=int(embodied["hours"]),
        grid={
            region: Figure(Range(_exact(one) / spread, _exact(one), _exact(one) * spread), grid["source"])
            for region, one in grid["regions"].items()
        },
        same_grid=dict(grid["same_grid"]),
        unknown_grid=_figure(grid["unknown"]),
        left_out=tuple(data["left_out"]),
    )
    if unnamed := _named(found) - sources.keys():
        raise ValueError(f"no source is called {', '.join(sorted(unnamed))}")
    return found


def _named(factors: Factors) -> set[str]:
    figures: list[Figure | Watts] = [
        *factors.overhead.values(),
        *factors.memory.values(),
        *factors.grid.values(),
    ]
    figures += [factors.utilisation_unknown, factors.storage, factors.server_kg, factors.server_vcpus]
    figures += [factors.unknown_grid, *factors.watts.values(), *factors.families]
    return {one.source for one in figures}


def _watts(name: str, entry: Mapping[str, Any]) -> Watts:
    machines = tuple(entry.get("machines", ()))
    return Watts(
        name, _range(entry["idle"]), _range(entry["busy"]), entry["source"], entry.get("note", ""), machines
    )


def _figure(entry: Mapping[str, Any], key: str = "factor") -> Figure:
    return Figure(_range(entry[key]), entry["source"], entry.get("note", ""))


def _falling(entry: Mapping[str, Any]) -> Figure:
    """A figure that is divided by: its largest gives the lowest estimate."""
    low, mid, high = map(_exact, entry["factor"])
    if not low >= mid >= high > 0:
        raise ValueError(f"{entry['factor']} does not fall")
    return Figure(Range(low, mid, high), entry["source"], entry.get("note", ""))


def _range(value: Any) -> Range:
    found = Range(*(_exact(one) for one in (value if isinstance(value, list) else [value] * 3)))
    if not 0 <= found.low <= found.mid <= found.high:
        raise ValueError(f"{value} is no range of figures from 0 on")
    return found


def _exact(value: Any) -> Fraction:
    return Fraction(str(value))
