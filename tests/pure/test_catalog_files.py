"""Wrong files are refused with file and line before anything is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from controlplane.catalog.loading.catalog import DATA, read_catalog
from controlplane.catalog.loading.reading import CatalogInvalidError, parse_document
from controlplane.catalog.loading.review import review_catalog

TODAY = date(2026, 11, 22)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalog."""
    copy = tmp_path / "catalog"
    shutil.copytree(DATA, copy)
    return copy


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    path = folder / file
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def faults(folder: Path) -> list[str]:
    """Read and review; every fault as the command prints it."""
    with pytest.raises(CatalogInvalidError) as error:
        review_catalog(read_catalog(folder), today=TODAY)
    return [str(fault) for fault in error.value.faults]


def line_of(folder: Path, file: str, text: str) -> int:
    """The number of the first line that holds the text."""
    lines = (folder / file).read_text().splitlines()
    return next(number for number, line in enumerate(lines, start=1) if text in line)


def test_the_shipped_files_agree() -> None:
    review_catalog(read_catalog(), today=TODAY)


def test_the_shipped_files_agree_years_later() -> None:
    review_catalog(read_catalog(), today=date(2040, 1, 1))


def test_every_provider_has_a_dozen_regions_and_enough_machine_types() -> None:
    catalog = read_catalog()
    for provider in ("aws", "azure", "gcp"):
        machines = catalog.of_provider("machine_type", provider)
        assert len(catalog.of_provider("region", provider)) >= 12
        assert len(machines) >= 15
        assert sum(1 for machine in machines if machine["gpus"]) >= 3


# File, what is replaced, by what, the code, the text on whose line the fault is reported.
EDITS = [
    ("plans/aws.yaml", "position: 30", "position: 30\npositon: 30", "unknown_field", "positon"),
    ("plans/aws.yaml", "position: 30", "position: high", "wrong_type", "position:"),
    ("plans/aws.yaml", "position: 30\n", "", "required_field", "key: aws"),
    ("plans/aws.yaml", "key: aws", "key: awz", "file_misnamed", "key: awz"),
    ("plans/aws.yaml", "  - eu-west-1\n", "  - eu-wst-1\n", "region_unknown", "eu-wst-1"),
    ("plans/aws.yaml", "  - m6i.large\n", "  - m6i.lage\n", "machine_type_unknown", "m6i.lage"),
    ("plans/aws.yaml", "  - g6.xlarge\n", "  - g6.xlarg\n", "additional_machine_type_unknown", "g6.xlarg"),
    ("plans/aws.yaml", "  - m6i.large\n", "  - g6.4xlarge\n", "machine_type_twice", "g6.4xlarge"),
    ("plans/aws.yaml", "  - eu-west-1\n", "  - eu-central-1\n", "not_unique", "regions:"),
    ("plans/aws.yaml", "  - oidc\n", "  - odic\n", "parameter_unknown", "odic"),
    ("plans/aws.yaml", "channel: regular", "channel: slow", "channel_unknown", "channel: slow"),
    ("plans/aws.yaml", "[service-mesh,", "[service-mash,", "default_module_unknown", "service-mash"),
    ("plans/aws.yaml", "maximum: 20", "maximum: 2", "nodes_out_of_order", "nodes: {"),
    ("plans/aws.yaml", "10.64.0.0/11", "10.64.0.0/99", "cidr_invalid", "10.64.0.0/99"),
    ("plans/aws.yaml", "nodes: 10.250.0.0/16", "nodes: 10.96.0.0/16", "networks_overlap", "- eu-central-1"),
    ("plans/aws.yaml", "key: aws", "key: aws\nkey: aws", "key_twice", "key: aws"),
    ("plans/aws.yaml", "key: aws", "key: &a aws\nname2: *a", "yaml_invalid", "name2"),
    ("plans/aws.yaml", "key: aws", "key: [aws", "yaml_invalid", "name: Amazon"),
    ("regions/aws.yaml", "name: eu-west-1,", "name: eu-central-1,", "region_twice", "Ireland"),
    ("machines/aws.yaml", "name: m6i.xlarge,", "name: m6i.large,", "machine_type_twice", "vcpu: 4"),
    ("machines/aws.yaml", "vcpu: 2", "vcpu: 0", "too_small", "vcpu: 0"),
    ("machines/aws.yaml", "    gpu_model: NVIDIA L4\n", "", "gpu_incomplete", "name: g6.xlarge"),
    ("machines/aws.yaml", "eu-central-1: [", "eu-centrl-1: [", "region_unknown", "eu-centrl-1"),
    ("machines/aws.yaml", "[eu-central-1a, ", "[eu-central-1z, ", "zone_unknown", "eu-central-1z"),
    ("kubernetes.yaml", "patch: 1.34.8", "patch: 1.33.8", "patch_of_another_minor", "version: 1.34"),
    ("kubernetes.yaml", "2026-10-28", "2026-11-28", "lifecycle_dates", "version: 1.31"),
    ("kubernetes.yaml", "2027-02-28", "2027-02-30", "lifecycle_dates", "version: 1.33"),
    ("kubernetes.yaml", "2027-10-31", "2026-11-01", "lifecycle_dates", "version: 1.35"),
    ("kubernetes.yaml", "deprecated, expires_on: 2026-12-15", "deprecated", "lifecycle_dates", "version: 1.32"),
    ("kubernetes.yaml", "1.34.8, lifecycle: supported, expires_on: 2027-06-30",
     "1.34.8, lifecycle: expired, expires_on: 2026-10-30", "kubernetes_version_expired", ""),
    ("kubernetes.yaml", "deprecated, expires_on: 2027-02-28", "expired, expires_on: 2999-02-28", "lifecycle_dates",
     "version: 1.33"),
    ("kubernetes.yaml", "lifecycle: preview", "lifecycle: nightly", "not_one_of", "version: 1.36"),
    ("releases/2026.10.1.yaml", "kubernetes: 1.34.8", "kubernetes: 1.20.7", "kubernetes_version_unknown", "1.20.7"),
    ("releases/2026.10.1.yaml", "  eventing:", "  evnting:", "module_unknown", "evnting"),
    ("releases/2026.10.1.yaml", "  isolation: 1.4.0\n", "", "module_missing", "modules:"),
    ("releases/2026.10.1.yaml", "  service-mesh: 1.27.2\n", "", "module_requires", "api-gateway"),
    ("releases/2026.10.1.yaml", "  api-gateway: 3.2.0\n", "", "module_missing", ""),
    ("channels.yaml", "release: 2026.10.1", "release: 2026.10.9", "release_unknown", "regular"),
]  # fmt: skip


@pytest.mark.parametrize(("file", "old", "new", "code", "near"), EDITS)
def test_a_wrong_file_is_named_with_its_line(
    folder: Path, file: str, old: str, new: str, code: str, near: str
) -> None:
    edit(folder, file, old, new)
    found = faults(folder)
    assert any(f"[{code}]" in fault for fault in found), found
    if near:
        line = max(1, line_of(folder, file, near))
        if code == "key_twice":
            line += 1
        wanted = [fault for fault in found if fault.startswith(f"{file}:{line}:") and f"[{code}]" in fault]
        assert wanted, found


BREAKS: list[tuple[Callable[[Path], object], str]] = [
    (lambda folder: (folder / "modules.yaml").unlink(), "file_missing"),
    (lambda folder: (folder / "plans" / "x.yml").write_text("key: x"), "file_unknown"),
    (lambda folder: (folder / "prices.yaml").write_text("a: 1"), "file_unknown"),
    (lambda folder: (folder / "modules.yaml").write_bytes(b"\xff\xfe\x00"), "yaml_invalid"),
    (lambda folder: (folder / "modules.yaml").write_text(""), "wrong_type"),
    (lambda folder: (folder / "modules.yaml").write_text("[" * 5000), "yaml_invalid"),
    (shutil.rmtree, "folder_missing"),
]


@pytest.mark.parametrize(("damage", "code"), BREAKS)
def test_a_damaged_folder_is_refused(folder: Path, damage: Callable[[Path], object], code: str) -> None:
    damage(folder)
    assert any(f"[{code}]" in fault for fault in faults(folder))


def test_versions_and_dates_stay_texts(tmp_path: Path, folder: Path) -> None:
    edit(folder, "kubernetes.yaml", "version: 1.36, patch: 1.36.1", "version: 1.40, patch: 1.40.0")
    assert "1.40" in read_catalog(folder).rows["kubernetes_version"]


def test_all_faults_of_all_files_come_together(folder: Path) -> None:
    edit(folder, "plans/aws.yaml", "position: 30", "position: high")
    edit(folder, "kubernetes.yaml", "lifecycle: preview", "lifecycle: nightly")
    assert len(faults(folder)) == 2


def test_text_that_no_file_can_hold_is_refused_as_such() -> None:
    """As an upload may bring it: half a pair of surrogates."""
    with pytest.raises(CatalogInvalidError, match="yaml_invalid"):
        parse_document("upload.yaml", "a: \ud800")
