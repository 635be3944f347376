"""A plan's id in the service broker's catalog stays through every change of the plan, and is never given to another."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.loading.apply import ApplyRefusedError, apply_catalog
from controlplane.catalog.loading.catalog import DATA
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.tenants.access import SYSTEM

pytestmark = pytest.mark.django_db
NEW = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def plans(tmp_path: Path) -> Path:
    """A copy of the shipped catalog's plans, which stands in the tables already."""
    shutil.copytree(DATA, tmp_path / "catalog")
    apply_catalog(actor=SYSTEM, directory=tmp_path / "catalog")
    return tmp_path / "catalog" / "plans"


def apply(plans: Path) -> None:
    apply_catalog(actor=SYSTEM, directory=plans.parent)


def id_of(file: Path) -> str:
    found = re.search("broker_id: (.+)", file.read_text())
    assert found
    return found[1]


def rewrite(file: Path, old: str, new: str, to: Path | None = None) -> None:
    (to or file).write_text(file.read_text().replace(old, new))


def test_a_renamed_plan_keeps_its_id(plans: Path) -> None:
    before = load_plan_facts("aws").broker_id
    rewrite(plans / "aws.yaml", "name: Amazon Web Services", "name: AWS")
    apply(plans)
    facts = load_plan_facts("aws")
    assert (facts.name, facts.broker_id) == ("AWS", before)


def test_an_id_never_changes(plans: Path) -> None:
    rewrite(plans / "aws.yaml", id_of(plans / "aws.yaml"), NEW)
    with pytest.raises(ApplyRefusedError, match="plan aws had the broker_id"):
        apply(plans)


def test_two_plans_never_share_one(plans: Path) -> None:
    rewrite(plans / "azure.yaml", id_of(plans / "azure.yaml"), id_of(plans / "aws.yaml"))
    with pytest.raises(CatalogInvalidError, match="has the broker_id of aws"):
        apply(plans)


def test_the_id_of_a_plan_that_is_gone_is_never_given_to_another(plans: Path) -> None:
    old = plans / "aws.yaml"
    extra, heir = plans / "extra.yaml", plans / "heir.yaml"
    rewrite(old, id_of(old), NEW, to=extra)
    rewrite(extra, "key: aws", "key: extra")
    apply(plans)
    rewrite(extra, "key: extra", "key: heir", to=heir)
    extra.unlink()
    with pytest.raises(ApplyRefusedError, match="has the broker_id that was extra's"):
        apply(plans)
