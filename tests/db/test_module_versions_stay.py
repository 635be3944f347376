"""PostgreSQL itself keeps what a published release promises of its modules, and the bytes that they are made of."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from controlplane.catalog.loading import apply as applying
from controlplane.catalog.loading.apply import ApplyRefusedError
from controlplane.catalog.loading.difference import Change, Rows
from controlplane.catalog.loading.module_download import digest_of
from controlplane.catalog.models import Content, ModuleVersion, Release
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor

pytestmark = pytest.mark.django_db
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


def test_what_only_drafts_name_or_nobody_does_changes_and_goes(version: ModuleVersion) -> None:
    Release.objects.filter(pk=RELEASE).update(
        modules={"eventing": "upstream@2.14.0", "telemetry": "upstream@2.13.0"}
    )
    publish()
    content(b"other")
    ModuleVersion.objects.filter(pk=KEY).update(source=source(OTHER))
    version.delete()


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


def test_whoever_changes_a_version_waits_for_a_release_that_is_being_published(
    version: ModuleVersion,
) -> None:
    held = "SELECT count(*) FROM pg_locks WHERE relation = 'catalog_release'::regclass AND mode = 'RowShareLock' AND granted"
    with connection.cursor() as cursor:
        cursor.execute(held)
        assert cursor.fetchone() == (0,)
        ModuleVersion.objects.filter(pk=KEY).update(namespace="nesoi-drivers")
        cursor.execute(held)
        assert cursor.fetchone() == (1,), "of the rows that name it"
