"""Keys rotate while everybody goes on reading, in a file or in AWS KMS, and no sealed column is forgotten."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import models
from moto.server import ThreadedMotoServer

from controlplane.config import rewrapping
from controlplane.config.sealed_columns import COLUMNS
from controlplane.config.sealing import configure_sealing
from controlplane.sealing import KeyUnavailable, Tampered, current, seal, unseal
from controlplane.sealing.keyfile import KeyFile
from controlplane.tenants.models import AuditEvent
from provisioner.landscapes.models import Landscape
from tests.world import World

pytestmark = pytest.mark.django_db

SECRET = "kubeconfig-with-a-token-in-it"


@pytest.fixture
def file(settings: Any, tmp_path: Path) -> Iterator[KeyFile]:
    """A key file of the test's own."""
    settings.SEALING_KEY_FILE = str(tmp_path / "sealing.json")
    keys = KeyFile(settings.SEALING_KEY_FILE)
    keys.create()
    configure_sealing()
    yield keys
    settings.SEALING_KEEPER, settings.SEALING_KEY_FILE = "file", os.environ["SEALING_KEY_FILE"]
    configure_sealing()


@pytest.fixture(scope="module")
def kms() -> Iterator[Any]:
    """AWS KMS over HTTP, found by the environment."""
    import boto3

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0)
    server.start()
    host, port = server.get_host_and_port()
    values = {
        "AWS_ENDPOINT_URL_KMS": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_DEFAULT_REGION": "eu-central-1",
    }
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield boto3.client("kms")
    finally:
        server.stop()
        for name, value in before.items():
            os.environ.pop(name, None) if value is None else os.environ.update({name: value})


def use_kms(settings: Any, key: str, *older: str) -> None:
    settings.SEALING_KEEPER = "aws_kms"
    settings.SEALING_KMS_KEY_ID = key
    settings.SEALING_KMS_OLDER_KEY_IDS = list(older)
    configure_sealing()


def landscapes(count: int) -> list[Landscape]:
    rows = []
    for number in range(count):
        row = Landscape(key=f"place-{number}", kind="gardener")
        row.credentials_sealed = seal(SECRET.encode(), context=row.credentials_context)
        row.save()
        rows.append(row)
    return rows


def opened(row: Landscape) -> str:
    row.refresh_from_db()
    return unseal(bytes(row.credentials_sealed), context=row.credentials_context).decode()


def key_of(row: Landscape) -> str:
    row.refresh_from_db()
    return current().key_of(bytes(row.credentials_sealed))


def keys(*words: str) -> str:
    out = StringIO()
    call_command("keys", *words, stdout=out)
    return out.getvalue()


# Bytes that are no secret: digests by their names, what the audit trail's chain is made of, and packed documents of money.
OPEN = re.compile(
    r"digest|hash$|fingerprint|person|links|Inputs\.document|BillImport\.content|catalog\.Content"
)


def test_no_sealed_column_is_forgotten() -> None:
    named = {
        (model._meta.label, field.name)
        for model in apps.get_models()
        for field in model._meta.get_fields()
        if isinstance(field, models.BinaryField) and not OPEN.search(str(field))
    }
    assert named == {(one.model._meta.label, one.column) for one in COLUMNS}


def test_rotation_renews_every_value_and_lets_the_old_key_go(file: KeyFile) -> None:
    rows = landscapes(5)
    first = file.read().active
    keys("rotate")
    assert [opened(row) for row in rows] == [SECRET] * 5
    with pytest.raises(CommandError, match="still need"):
        keys("drop", first)
    said = keys("rewrap", "--batch", "2")
    assert "2 seen, 2 rewrapped" in said
    assert "5 seen, 5 rewrapped" in said
    assert {key_of(row) for row in rows} == {f"file:{file.read().active}"}
    keys("drop", first)
    configure_sealing()  # nothing kept in memory
    assert [opened(row) for row in rows] == [SECRET] * 5


def test_a_prepared_key_seals_once_it_is_rotated_to(file: KeyFile) -> None:
    before = file.read().active
    keys("prepare")
    (prepared,) = set(file.read().keys) - {before}
    assert f"present: file:{before}" in keys("status")
    keys("rotate", "--to", prepared)
    assert f"present: file:{prepared}" in keys("status")
    with pytest.raises(CommandError, match="k-none"):
        keys("rotate", "--to", "k-none")


def test_an_interrupted_renewal_goes_on_where_it_was(file: KeyFile) -> None:
    rows = landscapes(6)
    keys("rotate")
    renewal = rewrapping.rewrap_all(batch=2)
    next(renewal)
    del renewal
    assert len({key_of(row) for row in rows}) == 2
    assert "6 seen, 4 rewrapped" in keys("rewrap")


def test_what_somebody_changes_meanwhile_is_left_to_them(
    file: KeyFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = landscapes(1)
    keys("rotate")
    theirs = seal(b"theirs", context=row.credentials_context)
    sealer = current()
    rewrap = sealer.rewrap

    def slow(sealed: bytes, *, context: str) -> bytes:
        Landscape.objects.filter(pk=row.pk).update(credentials_sealed=theirs)
        return rewrap(sealed, context=context)

    monkeypatch.setattr(sealer, "rewrap", slow)
    assert "1 seen, 0 rewrapped" in keys("rewrap")
    assert opened(row) == "theirs"


def test_a_value_in_the_wrong_row_is_named_and_left_alone(file: KeyFile) -> None:
    first, second = landscapes(2)
    Landscape.objects.filter(pk=second.pk).update(credentials_sealed=first.credentials_sealed)
    keys("rotate")
    with pytest.raises(CommandError, match=str(second.pk)):
        keys("rewrap")
    assert opened(first) == SECRET
    with pytest.raises(Tampered):
        opened(second)


def test_what_was_done_to_keys_stands_in_the_trail_without_them(file: KeyFile) -> None:
    keys("rotate")
    row = AuditEvent.objects.get(action="key.rotate")
    assert row.target_id == file.read().active


def test_kms_seals_and_opens(file: KeyFile, kms: Any, settings: Any) -> None:
    use_kms(settings, kms.create_key()["KeyMetadata"]["KeyId"])
    (row,) = landscapes(1)
    configure_sealing()
    assert opened(row) == SECRET
    assert key_of(row).startswith("aws_kms:")


def test_values_move_from_the_file_to_kms_and_on_to_another_key_of_it(
    file: KeyFile, kms: Any, settings: Any
) -> None:
    old, new = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    rows = landscapes(3)
    use_kms(settings, old)
    rows += landscapes_named("fresh")
    assert [opened(row) for row in rows] == [SECRET] * 4  # a mixed fleet
    assert "4 seen, 3 rewrapped" in keys("rewrap")
    use_kms(settings, new, old)
    assert "4 seen, 4 rewrapped" in keys("rewrap")
    use_kms(settings, new)
    assert [opened(row) for row in rows] == [SECRET] * 4


def use_file(settings: Any, *known: str) -> None:
    settings.SEALING_KEEPER, settings.SEALING_KMS_KEY_ID = "file", ""
    settings.SEALING_KMS_OLDER_KEY_IDS = list(known)
    configure_sealing()


def test_before_the_change_a_process_opens_what_one_after_it_seals_once_it_knows_the_key(
    file: KeyFile, kms: Any, settings: Any
) -> None:
    """The order that deploy/settings.md tells: make the new key known everywhere, then seal with it, then re-wrap."""
    old, new = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    rows = landscapes(1)
    use_kms(settings, old)
    rows += landscapes_named("fresh")
    use_file(settings, old)
    assert [opened(row) for row in rows] == [SECRET] * 2
    use_kms(settings, old)
    keys("rewrap")
    use_file(settings, old)
    assert [opened(row) for row in rows] == [SECRET] * 2
    use_kms(settings, new, old)
    keys("rewrap")
    use_kms(settings, old, new)
    assert [opened(row) for row in rows] == [SECRET] * 2
    use_file(settings)
    with pytest.raises(KeyUnavailable, match="SEALING_KMS_OLDER_KEY_IDS"):
        opened(rows[0])
    use_kms(settings, old)
    with pytest.raises(KeyUnavailable, match="SEALING_KMS_OLDER_KEY_IDS"):
        opened(rows[0])


def test_a_key_of_kms_is_not_made_here_and_the_answer_says_how_it_is_changed(
    file: KeyFile, kms: Any, settings: Any
) -> None:
    use_kms(settings, kms.create_key()["KeyMetadata"]["KeyId"])
    for verb in ("init", "prepare", "rotate"):
        with pytest.raises(
            CommandError, match=r"SEALING_KMS_OLDER_KEY_IDS and restart every process; let it"
        ):
            keys(verb)


def landscapes_named(key: str) -> list[Landscape]:
    row = Landscape(key=key, kind="gardener")
    row.credentials_sealed = seal(SECRET.encode(), context=row.credentials_context)
    row.save()
    return [row]


def test_kms_opens_nothing_under_a_key_that_is_not_ours(file: KeyFile, kms: Any, settings: Any) -> None:
    theirs, ours = (kms.create_key()["KeyMetadata"]["KeyId"] for _ in range(2))
    use_kms(settings, theirs)
    (row,) = landscapes(1)
    use_kms(settings, ours)
    with pytest.raises(KeyUnavailable, match="not one of ours"):
        opened(row)


def test_kms_that_refuses_or_is_away_is_named(
    file: KeyFile, kms: Any, settings: Any, monkeypatch: Any
) -> None:
    use_kms(settings, "00000000-0000-4000-8000-000000000000")
    with pytest.raises(KeyUnavailable, match="NotFoundException"):
        seal(b"x", context="c")
    monkeypatch.setenv("AWS_ENDPOINT_URL_KMS", "http://127.0.0.1:1")
    configure_sealing()
    with pytest.raises(KeyUnavailable, match="did not answer"):
        seal(b"x", context="c")


def test_production_without_a_key_says_what_to_do(settings: Any, file: KeyFile, world: World) -> None:
    settings.SEALING_KEY_FILE = "/nonexistent/keys.json"
    configure_sealing()
    with pytest.raises(CommandError, match="keys init"):
        keys("status")
    settings.SEALING_KEEPER = "paper"
    configure_sealing()
    with pytest.raises(CommandError, match="no key keeper"):
        keys("status")
