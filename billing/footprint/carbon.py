"""Estimates the CO2e of a runtime's day where its machines stand, with its range; whole milligrams come out. Pure.

    energy   = vCPU-hours x (idle + utilisation x (busy - idle)) / 1000 + GB-hours x memory + TB-hours x storage x copies
    CO2e     = energy x the data centre's overhead x the grid's intensity + embodied
    embodied = a server's making x hours / its life x vCPU / the server's vCPU

After Cloud Carbon Footprint. Energy covers what is provisioned, as the Software Carbon Intensity specification wants it.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from billing.footprint.carbon_factors import OTHER, Factors, Range
from billing.footprint.split import CORE_HOUR, NOTHING, Parts, added
from billing.pricing.money import round_ratio, split

_GB_OF_MIB = Fraction(2**20, 10**9)
_TB_OF_GIB = Fraction(2**30, 10**12)
_HOUR = 3600


class Activity(NamedTuple):
    """What stood and was used: level x seconds of observed time.

    `processors` is the capacity in millicores x seconds by machine type ("" where it is unknown); `use` is (used, capacity) of
    the time in which use was known, or None; `stored` is GiB x seconds by meter.
    """

    provider: str
    region: str
    processors: Mapping[str, int]
    memory: int  # MiB x seconds
    use: tuple[int, int] | None
    stored: Mapping[str, int]


class Emission(NamedTuple):
    """Milligrams of CO2e by where they come from, and the whole's range."""

    idle: int  # of processors that only stand by
    busy: int  # of what processors do on top of that
    memory: int
    storage: int
    embodied: int
    low: int
    high: int
    region_known: bool
    use_known: bool

    @property
    def whole(self) -> int:
        """Return the estimate."""
        return self.idle + self.busy + self.memory + self.storage + self.embodied


def emission_of(activity: Activity, factors: Factors) -> Emission:
    """Return the estimate of a day."""
    low, mid, high = (_grams(activity, factors, place) for place in range(3))
    idle, busy, memory, storage, embodied = (_milligrams(grams) for grams in mid)
    whole = idle + busy + memory + storage + embodied
    return Emission(
        idle,
        busy,
        memory,
        storage,
        embodied,
        low=min(_milligrams(sum(low, Fraction(0))), whole),
        high=max(_milligrams(sum(high, Fraction(0))), whole),
        region_known=factors.grid_of(activity.region)[1],
        use_known=activity.use is not None,
    )


def split_emission(
    emission: Emission, cpu: Parts, memory: Parts, *, used: tuple[int, int] | None
) -> tuple[Parts, int]:
    """Split an estimate over work, platform, reserve and idle; storage, which is none of these, is answered apart.

    What stands by and what was embodied goes by processors, memory by memory; what processors do on top by who used them (`used`:
    workload, platform), or who asked for them where use is unknown.
    """
    standing = _shared(emission.idle + emission.embodied, cpu)
    busy = (0, 0)
    if emission.busy:
        doers = used if used and any(used) else (cpu.workload, cpu.platform)
        if any(doers):
            workload, platform = split(emission.busy, doers)
            busy = (workload, platform)
        else:  # use is guessed at, and nobody is there who could have
            standing = added(standing, _shared(emission.busy, cpu))
    found = added(added(standing, Parts(*busy, 0, 0)), _shared(emission.memory, memory))
    return found, emission.storage


class Power(NamedTuple):
    """Grams of CO2e that a millicore-second emits by standing by, and by what it does on top of that when wholly busy."""

    idle: Fraction
    swing: Fraction


class Rest(NamedTuple):
    """Grams of CO2e of a millicore-second's making, of a MiB-second, and of a GiB-second by meter."""

    embodied: Fraction
    memory: Fraction
    stored: Mapping[str, Fraction]


@lru_cache(4096)
def _power(factors: Factors, provider: str, region: str, machine: str) -> tuple[Power, ...]:
    """Return the low, middle and high of a machine type; made once, for fractions are dear."""
    watts = factors.watts_of(provider, machine)
    found = []
    for place in range(3):
        kilo = _grid(factors, provider, region, place) / 1000 / CORE_HOUR
        found.append(Power(watts.idle[place] * kilo, (watts.busy[place] - watts.idle[place]) * kilo))
    return tuple(found)


@lru_cache(4096)
def _rest(factors: Factors, provider: str, region: str) -> tuple[Rest, ...]:
    found = []
    for place in range(3):
        grid = _grid(factors, provider, region, place)
        memory = factors.memory.get(provider, factors.memory[OTHER]).range[place]
        server = (
            factors.server_kg.range[place] * 1000 / factors.server_hours / factors.server_vcpus.range[place]
        )
        terabyte = factors.storage.range[place] / 1000 * _TB_OF_GIB / _HOUR * grid
        stored = {meter: copies * terabyte for meter, copies in factors.copies.items()}
        found.append(Rest(server / CORE_HOUR, memory * _GB_OF_MIB / _HOUR * grid, stored))
    return tuple(found)


def _grid(factors: Factors, provider: str, region: str, place: int) -> Fraction:
    overhead = factors.overhead.get(provider, factors.overhead[OTHER]).range[place]
    return factors.grid_of(region)[0].range[place] * overhead


def _grams(activity: Activity, factors: Factors, place: int) -> tuple[Fraction, ...]:
    """Grams from processors standing by, from their use, from memory, from storage, and embodied; of one end of all ranges."""
    provider, region = activity.provider, activity.region
    rest = _rest(factors, provider, region)[place]
    busy_share = _share(activity, factors)[place]
    idle = swing = Fraction(0)
    for machine, base in activity.processors.items():
        power = _power(factors, provider, region, machine)[place]
        idle, swing = idle + base * power.idle, swing + base * power.swing
    stored = sum((activity.stored.get(meter, 0) * grams for meter, grams in rest.stored.items()), Fraction(0))
    embodied = sum(activity.processors.values()) * rest.embodied
    return idle, busy_share * swing, activity.memory * rest.memory, stored, embodied


def _share(activity: Activity, factors: Factors) -> Range:
    if activity.use is None or not activity.use[1]:
        return factors.utilisation_unknown.range
    share = min(Fraction(*activity.use), Fraction(1))
    return Range(share, share, share)


def _milligrams(grams: Fraction) -> int:
    exact = grams * 1000
    return round_ratio(exact.numerator, exact.denominator)


def _shared(amount: int, parts: Parts) -> Parts:
    if not amount:
        return NOTHING
    return Parts(*split(amount, parts)) if parts.whole else Parts(0, 0, 0, amount)
