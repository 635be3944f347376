"""A landscape's credentials can be kept in its row: sealed there, opened only for its driver."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from controlplane.config.sealing import configure_sealing
from controlplane.kernel.errors import Fatal, Retry
from controlplane.tenants.models import AuditEvent
from provisioner.drivers.base import ClusterRef, LandscapeAccess, Situation
from provisioner.drivers.registry import connect
from provisioner.landscapes.models import Landscape
from tests.plugins.simulator import Simulator

pytestmark = pytest.mark.django_db


def register(*words: str) -> str:
    out = StringIO()
    call_command("landscape", "register", "stored", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def row(simulator: Simulator, tmp_path: Path) -> Landscape:
    """Registered from a file that is gone by now."""
    file = tmp_path / "kubeconfig.yaml"
    file.write_text(simulator.kubeconfig.read_text())
    register("--credentials-file", str(file))
    file.unlink()
    return Landscape.objects.get(key="stored")


def access(row: Landscape) -> LandscapeAccess:
    return LandscapeAccess.of(row, timeout_seconds=10.0)


def test_its_driver_works_without_any_file(row: Landscape) -> None:
    assert row.credentials_path == ""
    driver = connect(kind=row.kind, access=access(row))
    assert driver.observe(ClusterRef("neverwas")).situation is Situation.ABSENT


def test_neither_row_nor_trail_nor_repr_shows_them(row: Landscape, simulator: Simulator) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT row_to_json(l)::text FROM landscapes_landscape l WHERE key = 'stored'")
        stored = cursor.fetchone()[0]
    kept = json.dumps([*AuditEvent.objects.values_list("changes", flat=True)])
    for text in (stored, kept, repr(access(row)), repr(connect(kind=row.kind, access=access(row)))):
        assert simulator.admin_token not in text
        assert "certificate-authority" not in text
    assert "stored" in kept


def test_registering_the_same_again_changes_nothing(row: Landscape, simulator: Simulator) -> None:
    before = bytes(row.credentials_sealed)
    number = AuditEvent.objects.count()
    assert "up to date" in register("--credentials-file", str(simulator.kubeconfig))
    row.refresh_from_db()
    assert bytes(row.credentials_sealed) == before
    assert AuditEvent.objects.count() == number


def test_a_mounted_file_takes_their_place(row: Landscape, simulator: Simulator) -> None:
    register("--credentials", str(simulator.kubeconfig))
    row.refresh_from_db()
    assert bytes(row.credentials_sealed) == b""
    assert row.credentials_path == str(simulator.kubeconfig)
    connect(kind=row.kind, access=access(row)).observe(ClusterRef("neverwas"))


def test_credentials_of_another_landscape_do_not_open(row: Landscape) -> None:
    other = Landscape.objects.create(
        key="other", kind="gardener", config=row.config, credentials_sealed=bytes(row.credentials_sealed)
    )
    with pytest.raises(Fatal) as refused:
        connect(kind="gardener", access=access(other))
    assert refused.value.code == "sealed_value_tampered"


def test_without_the_key_it_is_a_passing_fault(row: Landscape, settings: Any) -> None:
    row.key = "another-name-so-that-no-driver-is-kept"
    kept = settings.SEALING_KEY_FILE
    settings.SEALING_KEY_FILE = "/nonexistent/keys.json"
    configure_sealing()
    try:
        with pytest.raises(Retry) as refused:
            connect(kind=row.kind, access=access(row))
    finally:
        settings.SEALING_KEY_FILE = kept
        configure_sealing()
    assert (refused.value.code, refused.value.landscape_fault) == ("key_unavailable", False)


def test_a_file_that_is_none_is_refused(simulator: Simulator, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="can't be read"):
        register("--credentials-file", str(tmp_path / "none"))
    (tmp_path / "bad").write_text("users: [{exec: rm}]")
    with pytest.raises(CommandError, match="can't be reached"):
        register("--credentials-file", str(tmp_path / "bad"))
    assert not Landscape.objects.exists()
