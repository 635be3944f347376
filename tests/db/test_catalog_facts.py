"""Plans and releases come from the tables in few queries, and an apply is seen at once."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.catalog import facts
from controlplane.catalog.channels import release_for
from controlplane.catalog.facts import list_plan_facts, load_plan_facts
from controlplane.catalog.loading.apply import apply_catalog
from controlplane.catalog.loading.catalog import DATA, read_catalog
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor

pytestmark = pytest.mark.django_db

OPERATOR = Actor(name="operator:ada")


@pytest.fixture(autouse=True)
def catalog() -> None:
    """The shipped catalog."""
    apply_catalog(actor=OPERATOR)


def test_the_facts_of_the_tables_are_those_of_the_files() -> None:
    files = read_catalog()
    for key in files.rows["plan"]:
        assert load_plan_facts(key) == files.plan_facts(key)


def test_it_takes_eight_queries_at_first_and_one_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(facts, "_kept", None)  # what a test before knew would be asked for first
    with CaptureQueriesContext(connection) as first:
        load_plan_facts("aws")
    with CaptureQueriesContext(connection) as again:
        load_plan_facts("azure")
    with CaptureQueriesContext(connection) as release:
        release_for("regular")
    assert len(first) <= 8
    assert (len(again), len(release)) == (1, 1)


def test_an_apply_is_seen_at_once(tmp_path: Path) -> None:
    assert load_plan_facts("aws").name == "Amazon Web Services"
    folder = tmp_path / "catalog"
    shutil.copytree(DATA, folder)
    plan = folder / "plans" / "aws.yaml"
    plan.write_text(
        plan.read_text()
        .replace("name: Amazon", "name: The Amazon")
        .replace("state: active", "state: retired")
    )
    apply_catalog(actor=OPERATOR, directory=folder)
    assert load_plan_facts("aws").name == "The Amazon Web Services"
    assert "aws" not in [facts.key for facts in list_plan_facts()]


def test_plans_are_listed_by_their_position() -> None:
    assert [facts.key for facts in list_plan_facts()] == ["trial", "free", "aws", "azure", "gcp", "openstack"]


@pytest.mark.parametrize("key", ["asw", "", "x\0y", "AWS", "a" * 500])
def test_an_unknown_plan_is_refused_with_the_plans_that_there_are(key: str) -> None:
    with pytest.raises(Refused, match="trial, free, aws, azure, gcp, openstack") as refusal:
        load_plan_facts(key)
    assert refusal.value.code == "plan_unknown"
    assert refusal.value.errors[0].field == "plan"


def test_a_channel_points_to_a_release() -> None:
    release = release_for("regular")
    assert (release.key, release.kubernetes_version, release.kubernetes_patch) == (
        "2026.10.1",
        "1.34",
        "1.34.8",
    )
    assert release.machine_image["name"] == "gardenlinux"
    assert "service-mesh" in release.modules
    assert release_for("fast").kubernetes_version == "1.35"


def test_an_unknown_channel_is_refused_with_the_channels_that_there_are() -> None:
    with pytest.raises(Refused, match="Did you mean fast") as refusal:
        release_for("fats")
    assert refusal.value.code == "channel_unknown"
