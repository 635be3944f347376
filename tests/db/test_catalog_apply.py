"""`catalog apply` makes the tables equal to the files, once, whole or not at all."""

from __future__ import annotations

import shutil
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, transaction

from controlplane.catalog import ports
from controlplane.catalog.loading.apply import Applied, ApplyRefusedError, apply_catalog, stored_rows
from controlplane.catalog.loading.catalog import DATA, read_catalog
from controlplane.catalog.models import (
    Channel,
    KubernetesVersion,
    MachineType,
    Module,
    Plan,
    Region,
    Release,
    Revision,
)
from controlplane.catalog.ports import Removal, Removals, Stranded
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor
from controlplane.tenants.models import AuditEvent
from tests import work
from tests.world import World

pytestmark = pytest.mark.django_db

OPERATOR = Actor(name="operator:ada")


@pytest.fixture(autouse=True)
def empty_tables(db: None) -> None:
    """The suite's database has the catalog from the start; these tests begin without one."""
    for table in (
        Plan,
        Channel,
        Release,
        KubernetesVersion,
        Region,
        MachineType,
        Module,
        Revision,
    ):
        table.objects.all().delete()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the shipped catalog."""
    copy = tmp_path / "catalog"
    shutil.copytree(DATA, copy)
    return copy


def edit(folder: Path, file: str, old: str, new: str) -> None:
    """Replace the first occurrence of a text that must be there."""
    path = folder / file
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new, 1))


def apply(folder: Path = DATA, *, dry_run: bool = False) -> Applied:
    """Apply as the operator."""
    return apply_catalog(actor=OPERATOR, directory=folder, dry_run=dry_run)


def command(*words: str) -> str:
    """What the command prints."""
    out = StringIO()
    call_command("catalog", *words, stdout=out)
    return out.getvalue()


def drop_region(folder: Path) -> None:
    """Take eu-north-1 out of the regions, the plan and the machine types."""
    for file in ("regions/aws.yaml", "plans/aws.yaml", "machines/aws.yaml"):
        path = folder / file
        path.write_text("\n".join(line for line in path.read_text().splitlines() if "eu-north-1" not in line))


def refuse_everything(asked: list[Removals]) -> object:
    """A port that remembers what it was asked, and calls the first of it in use."""

    def in_use(removals: Removals) -> list[Stranded]:
        asked.append(removals)
        return [Stranded(removals[0], 2, ("shop", "blog"))]

    return in_use


def test_the_tables_equal_the_files_and_a_second_run_changes_nothing() -> None:
    first = apply()
    assert first.revision
    assert stored_rows() == read_catalog().rows
    before = AuditEvent.objects.count()
    second = apply()
    assert (second.changes, second.revision) == ((), None)
    assert Revision.objects.count() == 1
    assert AuditEvent.objects.count() == before


def test_an_apply_leaves_a_revision_and_an_audit_row_that_name_the_operator() -> None:
    applied = apply()
    revision = Revision.objects.get()
    assert revision.number == applied.revision
    assert revision.applied_by == "operator:ada"
    assert len(revision.changes) == len(applied.changes)
    event = AuditEvent.objects.filter(action="catalog.apply").latest("id")
    assert (event.actor, event.target_id) == ("operator:ada", str(revision.number))


def test_a_dry_run_tells_what_would_change_and_writes_nothing(folder: Path) -> None:
    assert len(apply(dry_run=True).changes) > 100
    assert not Plan.objects.exists()
    assert not Revision.objects.exists()
    apply()
    edit(folder, "plans/aws.yaml", "name: Amazon Web Services", "name: AWS")
    would = apply(folder, dry_run=True)
    assert [(change.kind, change.key, change.action) for change in would.changes] == [
        ("plan", "aws", "change")
    ]
    assert ("name", "Amazon Web Services", "AWS") in would.changes[0].fields
    assert Plan.objects.get(key="aws").name == "Amazon Web Services"


def test_changes_additions_and_removals_are_written(folder: Path) -> None:
    apply()
    edit(folder, "channels.yaml", "release: 2026.10.1", "release: 2026.11.1")
    (folder / "releases" / "2026.9.1.yaml").unlink()
    drop_region(folder)
    actions = {(change.kind, change.action) for change in apply(folder).changes}
    assert {("channel", "change"), ("release", "remove"), ("region", "remove")} <= actions
    assert Channel.objects.get(key="regular").release_id == "2026.11.1"
    assert not Region.objects.filter(name="eu-north-1").exists()
    assert stored_rows() == read_catalog(folder).rows
    apply()
    assert stored_rows() == read_catalog().rows


def test_wrong_files_write_nothing_and_exit_with_2(folder: Path) -> None:
    edit(folder, "plans/aws.yaml", "position: 30", "position: high")
    with pytest.raises(CommandError, match=r"plans/aws\.yaml:8: position must be a whole number") as error:
        command("apply", "--dir", str(folder))
    assert error.value.returncode == 2
    assert not Region.objects.exists()


def test_a_release_that_was_loaded_may_not_change(folder: Path) -> None:
    apply()
    edit(folder, "releases/2026.10.1.yaml", "eventing: 2.12.1", "eventing: 2.12.2")
    edit(folder, "plans/aws.yaml", "name: Amazon Web Services", "name: AWS")
    for dry_run in (True, False):
        with pytest.raises(ApplyRefusedError, match=r"release 2026\.10\.1 .* immutable \(modules changed\)"):
            apply(folder, dry_run=dry_run)
    assert Plan.objects.get(key="aws").name == "Amazon Web Services"


def test_the_database_itself_refuses_to_change_a_release() -> None:
    apply()
    with pytest.raises(IntegrityError, match="immutable"), transaction.atomic():
        Release.objects.filter(key="2026.10.1").update(notes="better")
    Release.objects.filter(key="2026.10.1").update(key="2026.10.1")
    assert Release.objects.get(key="2026.10.1").notes != "better"


def test_what_would_strand_runtimes_is_refused_with_their_names(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply()
    drop_region(folder)
    asked: list[Removals] = []
    monkeypatch.setattr(ports, "in_use", refuse_everything(asked))
    with pytest.raises(CommandError, match=r"in use by 2 runtime\(s\) \(shop, blog\)") as error:
        command("apply", "--dir", str(folder))
    assert error.value.returncode == 3
    assert Region.objects.filter(name="eu-north-1").exists()
    out = StringIO()
    with pytest.raises(CommandError, match=r"in use by 2 runtime") as told:
        call_command("catalog", "apply", "--dry-run", "--dir", str(folder), stdout=out)
    assert told.value.returncode == 3
    assert "- region aws/eu-north-1\n" in out.getvalue()
    assert Removal("region", "eu-north-1", provider="aws") in asked[0]
    assert Removal("region", "eu-north-1", plan="aws", provider="aws") in asked[0]


@pytest.mark.parametrize("dry_run", [True, False])
def test_a_plan_that_records_of_former_runtimes_name_is_retired_rather_than_removed(
    world: World, folder: Path, *, dry_run: bool
) -> None:
    apply()
    work.runtime(world.shop, world.landscape, phase="deprovisioned", deleted_at=utcnow())
    (folder / "plans" / "aws.yaml").unlink()
    with pytest.raises(ApplyRefusedError, match="set its state to retired instead"):
        apply(folder, dry_run=dry_run)
    assert Plan.objects.filter(key="aws").exists()


def test_every_kind_of_removal_is_asked_about(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    apply()
    (folder / "plans" / "free.yaml").unlink()
    edit(folder, "plans/aws.yaml", "  - m6i.8xlarge\n", "")
    edit(folder, "plans/aws.yaml", "  - g6.4xlarge\n", "")
    edit(folder, "regions/aws.yaml", "us-east-1d, ", "")
    machines = (
        (folder / "machines" / "aws.yaml").read_text().replace("us-east-1d, ", "").replace(", us-east-1d", "")
    )
    (folder / "machines" / "aws.yaml").write_text(machines)
    (folder / "releases" / "2026.9.1.yaml").unlink()
    edit(
        folder, "kubernetes.yaml", "  - {version: 1.33, patch: 1.33.12", "  # {version: 1.33, patch: 1.33.12"
    )
    asked: list[Removals] = []
    monkeypatch.setattr(ports, "in_use", refuse_everything(asked))
    with pytest.raises(ApplyRefusedError):
        apply(folder)
    assert set(asked[0]) >= {
        Removal("plan", "free"),
        Removal("machine_type", "m6i.8xlarge", plan="aws", provider="aws"),
        Removal("machine_type", "g6.4xlarge", plan="aws", provider="aws"),
        Removal("zone", "us-east-1/us-east-1d", provider="aws"),
        Removal("release", "2026.9.1"),
        Removal("kubernetes_version", "1.33"),
    }


@pytest.mark.parametrize(("taken", "asks"), [("m5.2xlarge", True), ("c7i.xlarge", False)])
def test_only_main_pools_lose_a_machine_type_that_moves_between_a_plans_lists(
    folder: Path, monkeypatch: pytest.MonkeyPatch, taken: str, asks: bool
) -> None:
    apply()
    path = folder / "plans" / "aws.yaml"
    text = path.read_text().replace(f"  - {taken}\n", "")
    goes_to = "additional_machine_types:\n" if asks else "\nmachine_types:\n  - m6i.large\n"
    path.write_text(text.replace(goes_to, f"{goes_to}  - {taken}\n", 1))
    asked: list[Removals] = []
    monkeypatch.setattr(ports, "in_use", refuse_everything(asked))
    if asks:
        with pytest.raises(ApplyRefusedError):
            apply(folder)
        assert asked == [(Removal("machine_type", taken, plan="aws", provider="aws"),)]
    else:
        apply(folder)
        assert asked == []


@pytest.mark.parametrize(
    "broken",
    [
        {"version": "1", "patch": "1.1", "lifecycle": "supported"},
        {"version": "1.40", "patch": "1.40.1", "lifecycle": "deprecated"},
        {"version": "1.40", "patch": "1.40.1", "lifecycle": "nightly"},
    ],
)
def test_the_database_refuses_a_kubernetes_version_that_makes_no_sense(broken: dict[str, str]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        KubernetesVersion.objects.create(**broken)


def test_the_command_prints_the_difference_in_plain_text(folder: Path) -> None:
    assert "Nothing" not in command("apply")
    assert command("apply") == "The catalog is up to date.\n"
    edit(folder, "plans/aws.yaml", "name: Amazon Web Services", "name: AWS")
    for words in (["diff"], ["apply", "--dry-run"]):
        printed = command(*words, "--dir", str(folder))
        assert "~ plan aws\n" in printed
        assert '    name: "Amazon Web Services" -> "AWS"\n' in printed
        assert "nothing was written" in printed
        assert "\x1b" not in printed
    shown = command("show")
    assert "channel regular: release 2026.10.1, Kubernetes 1.34.8" in shown
    assert "openstack" in shown
