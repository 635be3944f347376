"""PostgreSQL itself keeps what a published release promises of its modules, and the bytes that they are made of."""

from __future__ import annotations

import json
import shutil
import threading
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.db import IntegrityError, connection, transaction

from controlplane.catalog.loading import apply as applying
from controlplane.catalog.loading.apply import ApplyRefusedError
from controlplane.catalog.loading.catalog import DATA
from controlplane.catalog.loading.difference import Change, Rows
from controlplane.catalog.loading.module_download import digest_of
from controlplane.catalog.loading.module_registry import CHART
from controlplane.catalog.loading.module_rows import module_version_row
from controlplane.catalog.models import Content, ModuleVersion, Release
from controlplane.catalog.queries import LOCK_APPLY
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor

DIGEST, OTHER = digest_of(b"this"), digest_of(b"other")
KEY = "eventing/upstream@2.13.0"
RELEASE = "2026.12.1"  # a draft in the catalog's files


def content(text: bytes) -> str:
    made = Content.objects.create(digest=digest_of(text), content=text, origin="", fetched_at=utcnow())
    return made.digest


def source(digest: str) -> dict[str, str]:
    return {"kind": "manifests", "url": "https://h.example/a.yaml", "digest": digest}


@pytest.fixture
def version(db: None) -> ModuleVersion:
    Release.objects.filter(pk=RELEASE).update(modules={"eventing": "upstream@2.13.0"})
    return ModuleVersion.objects.create(
        key=KEY,
        module_id="eventing",
        implementation="upstream",
        version="2.13.0",
        source=source(content(b"this")),
    )


def publish() -> None:
    Release.objects.filter(pk=RELEASE).update(published_at=utcnow(), published_by="ada")


def refuse(said: str) -> Any:
    return pytest.raises(IntegrityError, match=said)


@pytest.mark.django_db
def test_a_version_has_its_bytes_and_keeps_them(version: ModuleVersion) -> None:
    with refuse("catalog_moduleversion_has_its_content"), transaction.atomic():
        ModuleVersion.objects.filter(pk=KEY).update(source=source(OTHER))
    with refuse("catalog_moduleversion_has_its_content"), transaction.atomic():
        Content.objects.all().delete()
    with refuse("null value in column"), transaction.atomic():
        ModuleVersion.objects.filter(pk=KEY).update(source={"kind": "manifests"})
    content(b"other")
    ModuleVersion.objects.filter(pk=KEY).update(source=source(OTHER))
    Content.objects.filter(digest=DIGEST).delete()
    version.delete()
    Content.objects.all().delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    "change",
    [
        {"source": source(OTHER)},
        {"chart_values": {"replicas": 3}},
        {"namespace": "nesoi-drivers"},
        {"version": "2.14.0"},
    ],
)
def test_what_a_published_release_names_does_not_change_whoever_writes(
    version: ModuleVersion, change: dict[str, Any]
) -> None:
    content(b"other")
    rows = ModuleVersion.objects.filter(pk=KEY)
    rows.update(**change)
    rows.update(**{name: getattr(version, name) for name in change})
    publish()
    rows.update(**{name: getattr(version, name) for name in change})
    with refuse(f"{KEY} is part of the published release {RELEASE}"), transaction.atomic():
        rows.update(**change)
    with refuse("is part of the published release"), transaction.atomic():
        rows.delete()


@pytest.mark.django_db
def test_what_only_drafts_name_or_nobody_does_changes_and_goes(version: ModuleVersion) -> None:
    Release.objects.filter(pk=RELEASE).update(
        modules={"eventing": "upstream@2.14.0", "telemetry": "upstream@2.13.0"}
    )
    publish()
    content(b"other")
    ModuleVersion.objects.filter(pk=KEY).update(source=source(OTHER))
    version.delete()


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (Change("module_version", KEY, "change"), f"part of the published release {RELEASE}"),
        (Change("module_version", KEY, "remove"), "restore it and add a new version"),
        (Change("module_version", "eventing/upstream@2.14.0", "add"), "run `catalog apply` again"),
    ],
)
def test_an_apply_that_meets_it_says_so_in_words(version: ModuleVersion, change: Change, said: str) -> None:
    publish()
    row = {
        "module_id": "eventing",
        "implementation": "upstream",
        "version": "2.14.0",
        "source": source(OTHER),
    }
    after: Rows = {
        "module_version": {KEY: {"namespace": "x"}, "eventing/upstream@2.14.0": {**row, "key": change.key}}
    }
    with pytest.raises(ApplyRefusedError, match=said), transaction.atomic():
        applying._write([change], after, Actor(name="operator:ada"))


def described(digest: str, folder: Path) -> None:
    """Name it in the catalog's files."""
    shutil.copytree(DATA, folder)
    file, line = folder / "modules.yaml", "    description: Scales workloads by events and queue lengths.\n"
    entry = f"    versions: [{{version: 1.0.0, source: {json.dumps(source(digest))}}}]\n"
    file.write_text(file.read_text().replace(line, line + entry))


def until_it_waits(other: psycopg.Connection) -> None:
    """Look until somebody else of this database waits for a lock; only this one holds any."""
    question = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    for _ in range(1000):
        other.execute("SELECT pg_stat_clear_snapshot()")  # which a transaction keeps
        if other.execute(question).fetchone() == (1,):
            return
        time.sleep(0.01)
    pytest.fail("nobody waits")


@pytest.mark.django_db(transaction=True)
def test_an_apply_that_waited_for_another_one_sees_what_that_took_away(tmp_path: Path) -> None:
    """This one finds its bytes stored and fetches nothing; the other one drops them, and commits while this one waits."""
    described(content(b"this"), tmp_path / "catalog")
    row = module_version_row("autoscaling", {"version": "1.0.0", "source": source(DIGEST)})
    ModuleVersion.objects.create(**row)
    told: list[BaseException] = []

    def applies() -> None:
        try:
            applying.apply_catalog(actor=Actor(name="operator:ada"), directory=tmp_path / "catalog")
        except ApplyRefusedError as refusal:
            told.append(refusal)
        finally:
            connection.close()

    late = threading.Thread(target=applies)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute(LOCK_APPLY)
        other.execute("DELETE FROM catalog_moduleversion")
        other.execute("DELETE FROM catalog_content")
        late.start()
        until_it_waits(other)
    late.join(30)
    assert ["was taken away while this ran" in str(one) for one in told] == [True]
    assert not ModuleVersion.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_version_waits_for_the_release_that_is_being_published(version: ModuleVersion) -> None:
    told: list[BaseException] = []

    def changes() -> None:
        try:
            ModuleVersion.objects.filter(pk=KEY).update(namespace="nesoi-drivers")
        except IntegrityError as refusal:
            told.append(refusal)
        finally:
            connection.close()

    late = threading.Thread(target=changes)
    with psycopg.connect(**connection.get_connection_params() | {"cursor_factory": psycopg.Cursor}) as other:
        other.execute(
            "UPDATE catalog_release SET published_at = now(), published_by = 'ada' WHERE key = %s", [RELEASE]
        )
        late.start()
        until_it_waits(other)
    late.join(30)
    assert [f"part of the published release {RELEASE}" in str(one) for one in told] == [True]


@pytest.mark.django_db
def test_what_was_stored_before_is_linked_by_the_migration_whatever_lies_beside_it() -> None:
    chart, rubbish = content(b"a chart"), content(b"\x1f\x8b\xff no JSON")
    layers = [{"mediaType": "application/json", "digest": rubbish}, {"mediaType": CHART, "digest": chart}]
    manifest = content(json.dumps({"layers": layers}).encode())
    lonely = content(json.dumps({"layers": [{"mediaType": CHART, "digest": OTHER}]}).encode())
    sources = {
        "1.0.0": {"kind": "chart", "url": "oci://h.example/a", "digest": manifest},
        "1.1.0": {"kind": "chart", "url": "oci://h.example/a", "digest": lonely},
        "1.2.0": {"kind": "chart", "url": "https://h.example/a.tgz", "digest": rubbish},
    }
    for number, said in sources.items():
        ModuleVersion.objects.create(
            key=f"eventing/x@{number}", module_id="eventing", implementation="x", version=number, source=said
        )
    migration = import_module("controlplane.catalog.migrations.0007_versions_keep_their_bytes")
    with connection.cursor() as cursor:
        cursor.execute(migration.LINK)
    linked = dict(Content.objects.exclude(chart=None).values_list("digest", "chart_id"))
    assert linked == {manifest: chart}
