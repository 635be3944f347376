"""Archives are unpacked within bounds that hold before what they bound is there, and a damaged one is told from a whole one."""

from __future__ import annotations

import gzip
import io
import tarfile
import tracemalloc
from collections.abc import Callable

import pytest

from provisioner.modules.sources import archives
from provisioner.modules.sources.archives import unpacked, unzipped
from provisioner.modules.sources.faults import SourceInvalidError
from tests.sourcing import packed

FILES = {"a/1.yaml": "one", f"a/{'n' * 150}.yaml": "two"}


def zipped(tar: bytes) -> bytes:
    return gzip.compress(tar, 1, mtime=0)


def tar_of(*entries: tarfile.TarInfo, more: dict[str, str] | None = None) -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for entry in entries:
            entry.pax_headers = more or {}
            archive.addfile(entry, io.BytesIO(bytes(entry.size)))
    return raw.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, target
    return made


def refused(content: bytes) -> str:
    with pytest.raises(SourceInvalidError) as error:
        list(unpacked(content))
    return f"{error.value.fault.code}: {error.value.fault.detail}"


def test_what_is_whole_is_unpacked_whatever_wrote_it() -> None:
    plain = gzip.decompress(packed(FILES))
    whole = sorted((name, text.encode()) for name, text in FILES.items())
    half = len(plain) // 2
    for content in (zipped(plain), zipped(plain[:half]) + zipped(plain[half:]), zipped(plain) + bytes(100)):
        assert list(unpacked(content)) == whole
    folders = tar_of(entry("a", tarfile.DIRTYPE), entry(f"a/{'n' * 300}"), more={"comment": "x"})
    assert [name for name, _ in unpacked(zipped(folders))] == [f"a/{'n' * 300}"]


def test_every_member_counts_whether_it_is_shown_or_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_MEMBERS", 50)
    folder = tar_of(entry("a", tarfile.DIRTYPE))[:512]
    for header in (folder, tar_of(entry("a"))[:512]):
        assert "more than" in refused(zipped(51 * header))
    long_name = tar_of(entry("n" * 300))[: 2 * 512]  # a header for the next one, and what it says
    assert refused(zipped(2000 * long_name)).startswith("module_source_")
    assert list(unpacked(zipped(50 * folder))) == []


def test_nothing_is_unpacked_that_is_more_than_it_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED", 200_000)
    assert "module_source_too_large" in refused(zipped(bytes(200_001)))
    assert "module_source_too_large" in refused(300 * gzip.compress(b"", mtime=0))
    named = tar_of(entry("a"), more={"comment": 70_000 * "x"})
    assert "names without end" in refused(zipped(named))
    assert len(unzipped(zipped(bytes(200_000)))) == 200_000


def test_a_bomb_takes_little_more_memory_than_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED", 1_000_000)
    bomb = zipped(bytes(20_000_000))
    tracemalloc.start()
    try:
        assert "module_source_too_large" in refused(bomb)
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


DAMAGED: dict[str, Callable[[bytes], bytes]] = {
    "cut off in what is zipped": lambda tar: zipped(tar)[:-20],
    "cut off in its checksum": lambda tar: zipped(tar)[:-3],
    "another checksum": lambda tar: zipped(tar)[:-8] + b"12345678",
    "something behind it": lambda tar: zipped(tar) + b"something",
    "only the beginning of a header": lambda tar: zipped(tar)[:5],
    "no zipped bytes": lambda _: archives.GZIP + b"\x08\x00 no such thing",
    "cut off in a file": lambda tar: zipped(tar[:520]),
    "cut off in a header": lambda tar: zipped(tar[:1200]),
    "damaged in the first header": lambda tar: zipped(b"x" + tar[1:]),
    "damaged in a later header": lambda tar: zipped(tar[:1024] + b"x" + tar[1025:]),
    "a size below zero": lambda _: zipped(tar_of(entry("a"), more={"size": "-512"})),
    "a size that is no number": lambda _: zipped(tar_of(entry("a"), more={"GNU.sparse.size": "x"})),
    "a sparse file": lambda _: zipped(tar_of(entry("a"), more={"GNU.sparse.map": "0,1", "GNU.sparse.size": "9"})),
    "a link": lambda _: zipped(tar_of(entry("a", tarfile.SYMTYPE, target="/etc/passwd"))),
    "a hard link": lambda _: zipped(tar_of(entry("a", tarfile.LNKTYPE, target="b"))),
    "a device": lambda _: zipped(tar_of(entry("a", tarfile.CHRTYPE))),
}  # fmt: skip


@pytest.mark.parametrize("how", DAMAGED)
def test_an_archive_that_is_not_whole_or_holds_more_than_files_is_refused(how: str) -> None:
    told = refused(DAMAGED[how](gzip.decompress(packed(FILES))))
    assert told.startswith(("module_source_invalid", "module_source_too_large"))
    assert told.endswith(".")
    assert told.isprintable()
