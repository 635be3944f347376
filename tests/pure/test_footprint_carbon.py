"""Carbon is estimated as the reference's formula says, with a range around it, and each figure names its source."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing.footprint.carbon import Activity, Emission, emission_of, split_emission
from billing.footprint.carbon_factors import FOLDER, FactorError, every_version, factors_of, read_factors
from billing.footprint.split import CORE_HOUR, GIB_HOUR, Parts

FACTORS = factors_of(date(2026, 6, 1))
amount = st.integers(0, 10**11)


def hour_of_a_core(provider: str, region: str, machine: str = "", *, half: bool = True) -> Emission:
    use = (CORE_HOUR // 2, CORE_HOUR) if half else None
    return emission_of(Activity(provider, region, {machine: CORE_HOUR}, 0, use, {}), FACTORS)


def test_an_hour_of_a_half_used_core_in_frankfurt() -> None:
    # 0.74 W: x 1.135 x 338 g = 283.9 mg standing by; half of 2.76 W more: 529.4 mg; 1,000 kg / 35,040 h / 96 vCPU = 297.3 mg.
    found = hour_of_a_core("aws", "eu-central-1")
    assert (found.idle, found.busy, found.memory, found.storage, found.embodied) == (284, 529, 0, 0, 297)
    assert found.region_known


def test_a_known_processor_counts_by_its_own_figures() -> None:
    # Graviton: 0.47 W and half of 1.22 W more, x 1.135 x 8 g of Stockholm.
    found = hour_of_a_core("aws", "eu-north-1", "m7g.large")
    assert (found.idle, found.busy) == (4, 6)


def test_memory_counts_by_the_gigabyte() -> None:
    # 1 GiB is 1.073741824 GB: x 0.000392 kWh x 1.1 x 479 g of Iowa = 221.8 mg an hour.
    found = emission_of(Activity("gcp", "us-central1", {}, GIB_HOUR, None, {}), FACTORS)
    assert found.memory == 222
    assert found.whole == 222


def test_volumes_count_with_their_copies() -> None:
    # 1000 GiB are 1.073741824 TB: x 1.2 Wh x 2 copies x 1.135 x 338 g = 988.6 mg an hour.
    found = emission_of(
        Activity("aws", "eu-central-1", {}, 0, None, {"block_storage": 1000 * 3600, "nfs": 10**9}), FACTORS
    )
    assert found.storage == 989


def test_another_providers_region_has_its_grids_figure() -> None:
    assert hour_of_a_core("openstack", "eu-de-1").region_known


def test_an_unknown_region_is_a_mean_with_a_wider_range() -> None:
    found, known = hour_of_a_core("aws", "nowhere-1"), hour_of_a_core("aws", "eu-central-1")
    assert not found.region_known
    assert found.low < known.low < known.high < found.high
    mean = Fraction(338 + 316 + 52 + 8 + 416 + 351 + 708 + 319 + 479, 9)
    assert abs(FACTORS.unknown_grid.range.mid - mean) < Fraction(1, 2)


def test_unknown_use_is_half_with_all_there_can_be_around_it() -> None:
    found, known = hour_of_a_core("gcp", "us-central1", half=False), hour_of_a_core("gcp", "us-central1")
    assert found.whole == known.whole
    assert found.low < known.low < known.high < found.high
    assert not found.use_known


@given(
    st.sampled_from(["aws", "gcp", "azure", "openstack"]),
    st.sampled_from([*FACTORS.grid, "nowhere"]),
    st.dictionaries(st.sampled_from(["", "m5.large", "m6i.large", "m7g.large"]), amount),
    amount,
    st.none() | st.tuples(amount, amount),
    st.dictionaries(st.sampled_from(["block_storage", "snapshots", "object_storage"]), amount),
    st.builds(Parts, amount, amount, amount, amount),
    st.builds(Parts, amount, amount, amount, amount),
    st.none() | st.tuples(amount, amount),
)
def test_the_range_holds_the_estimate_and_its_parts_are_all_of_it(
    provider: str,
    region: str,
    processors: dict[str, int],
    memory: int,
    use: tuple[int, int] | None,
    stored: dict[str, int],
    cpu: Parts,
    held: Parts,
    used: tuple[int, int] | None,
) -> None:
    found = emission_of(Activity(provider, region, processors, memory, use, stored), FACTORS)
    assert 0 <= found.low <= found.whole <= found.high
    parts, storage = split_emission(found, cpu, held, used=used)
    assert parts.whole + storage == found.whole
    assert min(parts) >= 0


def test_use_above_idle_is_for_those_who_used() -> None:
    emission = Emission(0, 100, 0, 7, 0, 0, 200, region_known=True, use_known=True)
    parts, storage = split_emission(emission, Parts(10, 10, 0, 80), Parts(0, 0, 0, 0), used=(30, 10))
    assert (parts, storage) == (Parts(75, 25, 0, 0), 7)


def test_every_figure_names_a_source_with_its_licence_and_vintage() -> None:
    for version in every_version():
        for source in version.sources.values():
            assert source.title
            assert source.licence
            assert source.vintage


def test_a_file_whose_figures_are_no_ranges_is_refused() -> None:
    text = (FOLDER / "1.yaml").read_text()
    with pytest.raises(FactorError, match=r"odd.yaml.*no range"):
        read_factors(text.replace("[8, 332, 708]", "[700, 332, 708]"), "odd.yaml")
    with pytest.raises(FactorError, match="no source is called rumour"):
        read_factors(
            text.replace("gcp: {factor: 1.1, source: ccf}", "gcp: {factor: 1.1, source: rumour}"), "odd.yaml"
        )


def test_each_version_has_a_file_of_its_number() -> None:
    assert {f"{one.version}.yaml" for one in every_version()} == {path.name for path in FOLDER.glob("*.yaml")}
