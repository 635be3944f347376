"""The trail can be taken elsewhere: whole, in order, into a folder or a bucket, with the ends of its chains."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.db.models import Max
from structlog.testing import capture_logs

from controlplane.kernel.clock import rfc3339, utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor, Role
from controlplane.tenants.audit import reading
from controlplane.tenants.audit.noting import note_new_heads
from controlplane.tenants.audit.reading import Search, bounded, stream
from controlplane.tenants.audit.sealing import heads, seal_new_rows
from controlplane.tenants.audit.tasks import seal_audit
from controlplane.tenants.models import AuditSeal, Tenant
from tests.bucket import a_bucket
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture(scope="module")
def bucket() -> Iterator[Any]:
    with a_bucket() as found:
        yield found


def leave(world: World, count: int) -> None:
    for number in range(count):
        audit.record(
            "x.done",
            actor=SYSTEM,
            tenant_id=world.archipel.id if number % 2 else world.basalt.id,
            target_type="x",
            target_id=number,
        )


def grow(tenant: Tenant) -> None:
    """One more seal on a tenant's chain: rows are sealed only once their transaction is over, and this test's is not."""
    chain = AuditSeal.objects.filter(tenant=tenant)
    position = 1 + (chain.aggregate(at=Max("last_position"))["at"] or 0)
    AuditSeal.objects.create(
        tenant=tenant, first_position=position, last_position=position, until_tx=0, until_id=UUID(int=position),
        links=b"\0" * 48, previous_hash=b"p" * 32, hash=bytes([position]) * 32,
    )  # fmt: skip


def command(*words: str) -> str:
    out = StringIO()
    call_command("audit", *words, stdout=out)
    return out.getvalue()


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines()]


def test_an_export_holds_every_row_once_oldest_first(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "PAGE", 3)
    leave(world, 10)
    command("export", "--to", str(tmp_path / "out"))
    (file,) = (tmp_path / "out").iterdir()
    rows = [row for row in lines(file.read_text()) if row["action"] == "x.done"]
    assert sorted(row["target"]["id"] for row in rows) == [str(number) for number in range(10)]
    assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
    assert file.stat().st_mode & 0o077 == 0


def test_a_tenants_export_holds_no_other_tenants_rows(world: World, tmp_path: Path) -> None:
    leave(world, 6)
    command("export", "--to", str(tmp_path), "--tenant", "basalt")
    (file,) = tmp_path.iterdir()
    assert {row["tenant"] for row in lines(file.read_text())} == {"basalt"}


def test_an_export_goes_to_a_bucket(world: World, bucket: Any) -> None:
    leave(world, 4)
    said = command("export", "--to", "s3://trail/exports/", "--tenant", "archipel")
    (found,) = bucket.list_objects_v2(Bucket="trail", Prefix="exports/audit-archipel-")["Contents"]
    assert f"s3://trail/{found['Key']}" in said
    body = bucket.get_object(Bucket="trail", Key=found["Key"])["Body"].read().decode()
    assert [row["target"]["id"] for row in lines(body) if row["action"] == "x.done"] in (
        ["1", "3"],
        ["3", "1"],
    )


def test_a_bucket_that_is_not_there_is_named(world: World, bucket: Any) -> None:
    with pytest.raises(CommandError, match="s3://nowhere/"):
        command("export", "--to", "s3://nowhere/x")


def test_a_folder_that_can_not_be_written_is_named(world: World, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match="can't be written"):
        command("export", "--to", str(tmp_path / "file" / "below"))


@pytest.mark.parametrize(
    "words", [["--since", "yesterday"], ["--since", "2026-01-01T00:00:00"], ["--tenant", "nobody"]]
)
def test_a_wrong_word_is_named(world: World, tmp_path: Path, words: list[str]) -> None:
    with pytest.raises(CommandError):
        command("export", "--to", str(tmp_path), *words)


def test_new_heads_are_noted_in_the_bucket(world: World, bucket: Any, settings: Any) -> None:
    cache.clear()
    settings.AUDIT_HEADS_TO = "s3://trail/heads"
    grow(world.archipel)
    grow(world.archipel)
    where = note_new_heads()
    body = bucket.get_object(Bucket="trail", Key=where.removeprefix("s3://trail/"))["Body"].read().decode()
    found = {line["chain"]: (line["position"], line["hash"]) for line in lines(body)}
    assert found[str(world.archipel.id)] == (2, "02" * 32)
    assert set(found) == {head.chain for head in heads()}


def noted(where: str) -> set[str]:
    return {line["chain"] for line in lines(Path(where).read_text())}


def test_a_place_that_was_away_gets_the_heads_that_it_missed(
    world: World, tmp_path: Path, settings: Any
) -> None:
    cache.clear()
    archipel, basalt = str(world.archipel.id), str(world.basalt.id)
    away = tmp_path / "file"
    away.write_text("no folder")
    settings.AUDIT_HEADS_TO = str(away / "below")
    grow(world.archipel)
    with capture_logs() as told:
        assert note_new_heads() == ""
    assert [line["log_level"] for line in told] == ["error"]
    settings.AUDIT_HEADS_TO = str(tmp_path / "heads")
    grow(world.basalt)
    assert noted(note_new_heads()) >= {archipel, basalt}
    assert note_new_heads() == ""  # nothing new
    grow(world.basalt)
    assert noted(note_new_heads()) == {basalt}
    cache.clear()
    assert noted(note_new_heads()) == {head.chain for head in heads()}


def test_the_beat_notes_what_it_sealed(world: World, tmp_path: Path, settings: Any) -> None:
    cache.clear()
    settings.AUDIT_HEADS_TO = str(tmp_path)
    grow(world.archipel)
    seal_audit()
    (file,) = tmp_path.iterdir()
    assert str(world.archipel.id) in noted(str(file))


def test_verifying_ends_well_for_a_whole_trail_and_its_heads(world: World, tmp_path: Path) -> None:
    leave(world, 4)
    seal_new_rows()
    file = tmp_path / "heads.jsonl"
    file.write_text(command("heads"))
    assert "as they were written" in command("verify", "--heads", str(file))
    assert "1 chains" in command("verify", "--tenant", "archipel")


def test_verifying_fails_for_heads_that_the_trail_does_not_reach(world: World, tmp_path: Path) -> None:
    file = tmp_path / "heads.jsonl"
    file.write_text(json.dumps({"chain": str(world.archipel.id), "position": 7, "hash": "00" * 32}))
    with pytest.raises(CommandError, match="1 findings"):
        command("verify", "--heads", str(file))


def test_a_period_has_a_beginning_before_its_end_and_a_bound() -> None:
    now = utcnow()
    assert bounded(Search()).since is not None
    with pytest.raises(Refused, match="before"):
        bounded(Search(since=now, until=now - timedelta(hours=1)))
    with pytest.raises(Refused, match="92 days"):
        bounded(Search(since=now - timedelta(days=93), until=now))


def test_a_streams_rows_are_those_its_reader_may_see(world: World) -> None:
    leave(world, 4)
    reader = Actor("a", role=Role.ADMIN, tenant_id=world.archipel.id)
    seen = list(stream(reader, Search(action="x.")))
    assert {row.tenant_id for row in seen} == {world.archipel.id}
    with pytest.raises(Refused):
        next(stream(Actor("b", role=Role.DEVELOPER, tenant_id=world.archipel.id), Search()))
    assert rfc3339(seen[0].at)
