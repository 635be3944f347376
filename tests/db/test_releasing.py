"""Releases begin as drafts, are published once and never change after that; channels point where people point them."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from controlplane.catalog.channels import release_for
from controlplane.catalog.facts import snapshot
from controlplane.catalog.loading.apply import ApplyRefusedError, apply_catalog
from controlplane.catalog.loading.catalog import DATA
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.models import Release
from controlplane.catalog.releasing import point_channel, publish_release, withdraw_release
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.models import AuditEvent
from tests.work import refused
from tests.world import World

pytestmark = pytest.mark.django_db
DRAFT = "2026.12.1"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalog, whose newest release is a draft."""
    copy = tmp_path / "catalog"
    shutil.copytree(DATA, copy)
    return copy


def edit(folder: Path, file: str, old: str, new: str) -> None:
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def test_a_draft_changes_with_its_file_until_somebody_publishes_it(
    world: World, folder: Path, settings: Any
) -> None:
    settings.CATALOG_DIR = str(folder)
    edit(folder, f"releases/{DRAFT}.yaml", "eventing: 2.12.4", "eventing: 2.12.5")
    with refused("release_changed_on_disk"):
        publish_release(actor=world.sam.actor, key=DRAFT)
    apply_catalog(actor=SYSTEM, directory=folder)
    published = publish_release(actor=world.sam.actor, key=DRAFT)
    assert published.modules["eventing"] == "2.12.5"
    assert AuditEvent.objects.filter(action="release.publish", target_id=DRAFT).count() == 1
    assert not apply_catalog(actor=SYSTEM, directory=folder).changes
    edit(folder, f"releases/{DRAFT}.yaml", "eventing: 2.12.5", "eventing: 2.12.6")
    with pytest.raises(
        ApplyRefusedError, match=r"2026\.12\.1 was published and is immutable \(modules changed\); restore"
    ):
        apply_catalog(actor=SYSTEM, directory=folder)
    with refused("release_published"):
        publish_release(actor=world.sam.actor, key=DRAFT)


def test_a_file_without_draft_publishes_and_only_its_end_may_move(folder: Path) -> None:
    edit(folder, f"releases/{DRAFT}.yaml", "draft: true\n", "")
    apply_catalog(actor=SYSTEM, directory=folder)
    assert snapshot().every_release[DRAFT].published_at
    end = utcnow().date() + timedelta(days=90)
    edit(folder, f"releases/{DRAFT}.yaml", "kubernetes:", f"end_of_life: {end}\nkubernetes:")
    apply_catalog(actor=SYSTEM, directory=folder)
    assert snapshot().every_release[DRAFT].end_of_life == end


def test_a_channel_stays_where_it_was_pointed_until_its_file_says_something_new(
    world: World, folder: Path
) -> None:
    point_channel(actor=world.sam.actor, key="regular", release="2026.11.1")
    assert not apply_catalog(actor=SYSTEM, directory=folder).changes
    assert release_for("regular").key == "2026.11.1"
    edit(folder, "channels.yaml", "regular, release: 2026.10.1", "regular, release: 2026.9.1")
    apply_catalog(actor=SYSTEM, directory=folder)
    assert release_for("regular").key == "2026.9.1"


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        (
            "channels.yaml",
            "fast, release: 2026.11.1",
            f"fast, release: {DRAFT}",
            "is a draft; take `draft: true` out",
        ),
        (
            f"releases/{DRAFT}.yaml",
            "[2026.10.1]",
            "[2026.10.2]",
            "requires 2026.10.2, which is not there. Did you mean",
        ),
        (f"releases/{DRAFT}.yaml", "[2026.10.1]", f"[{DRAFT}]", "which is not older"),
        (f"releases/{DRAFT}.yaml", "draft: true", "end_of_life: 2027-02-30", "not a day of the calendar"),
    ],
)
def test_files_that_lead_nowhere_are_refused_with_what_to_do(
    folder: Path, file: str, old: str, new: str, why: str
) -> None:
    edit(folder, file, old, new)
    with pytest.raises(CatalogInvalidError) as invalid:
        apply_catalog(actor=SYSTEM, directory=folder)
    assert why in str(invalid.value)


def test_what_sres_may_not_do_is_refused_with_the_way_out(world: World) -> None:
    refusals: list[tuple[str, Any]] = [
        ("release_unpublished", lambda sam: withdraw_release(actor=sam, key=DRAFT, reason="x")),
        ("channel_points_there", lambda sam: withdraw_release(actor=sam, key="2026.11.1", reason="x")),
        ("reason_missing", lambda sam: withdraw_release(actor=sam, key="2026.9.1", reason=" ")),
        ("release_unusable", lambda sam: point_channel(actor=sam, key="fast", release=DRAFT)),
        ("channel_not_found", lambda sam: point_channel(actor=sam, key="fats", release="2026.9.1")),
        ("release_not_found", lambda sam: point_channel(actor=sam, key="fast", release="2026.9.2")),
    ]
    for code, attempt in refusals:
        with refused(code):
            attempt(world.sam.actor)
    for _, attempt in refusals:
        with refused("forbidden"):
            attempt(world.alice.actor)
    assert Release.objects.get(pk=DRAFT).published_at is None
