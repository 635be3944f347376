"""Unpacks a .tar.gz in memory: every bound holds before what it bounds is there. Pure."""

from __future__ import annotations

import io
import tarfile
import zlib
from collections.abc import Iterator

from provisioner.modules.sources.faults import SourceInvalidError

MOST_UNPACKED = 48 * 1024 * 1024  # bytes of the archive once it is unzipped, its headers included
MOST_MEMBERS = 4000  # headers: of files, folders and links, and of what says more of the next one
GZIP = b"\x1f\x8b"
_MOST_PARTS = 64  # of a gzip file; one is usual
_MOST_NAME = 64 * 1024  # bytes of a header that says more of the next one, such as a long name
_SAYS_MORE = frozenset(
    {
        tarfile.XHDTYPE,
        tarfile.XGLTYPE,
        tarfile.SOLARIS_XHDTYPE,
        tarfile.GNUTYPE_LONGNAME,
        tarfile.GNUTYPE_LONGLINK,
    }
)
_PIECE = 64 * 1024
_GZIP_ALONE = 16 + zlib.MAX_WBITS
# What the standard library raises for damaged archives, whatever it says that it does.
_DAMAGED = (tarfile.TarError, OSError, EOFError, ValueError, LookupError, ArithmeticError, RecursionError)


def unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file of a .tar.gz, by name; raises SourceInvalidError for one that is damaged or unsafe."""
    plain = unzipped(content)
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:", tarinfo=_counting_headers()) as archive:
            for member in archive:
                if not member.isdir():
                    total += member.size
                    files[member.name] = _read(archive, member, total)
            end = archive.offset
    except _DAMAGED as error:
        raise invalid(f"the archive can't be unpacked: {error}; pack it anew.") from error
    if plain[end:].strip(b"\0"):  # the library takes a header that it can't read for the end
        raise invalid("the archive can't be unpacked: it is damaged or cut off; pack it anew.")
    yield from sorted(files.items())


def unzipped(content: bytes) -> bytes:
    """Return what a gzip file holds, checksums proved; raises SourceInvalidError for a damaged one or too much."""
    made, parts, reader = bytearray(), 1, zlib.decompressobj(_GZIP_ALONE)
    try:
        for start in range(0, len(content), _PIECE):
            rest = content[start : start + _PIECE]
            while rest:
                if reader.eof:
                    parts, reader = parts + 1, zlib.decompressobj(_GZIP_ALONE)
                made += reader.decompress(rest, MOST_UNPACKED + 1 - len(made))
                if len(made) > MOST_UNPACKED or parts > _MOST_PARTS:
                    raise _too_large(
                        f"the archive unpacks to more than {MOST_UNPACKED} bytes, or is in too many parts"
                    )
                # Padding behind the last part is zeros.
                rest = reader.unused_data.lstrip(b"\0") if reader.eof else reader.unconsumed_tail
    except zlib.error as error:
        raise invalid(f"the archive can't be unpacked: {error}; pack it anew.") from error
    if not reader.eof:
        raise invalid("the archive can't be unpacked: it is cut off; fetch or pack it anew.")
    return bytes(made)


def _read(archive: tarfile.TarFile, member: tarfile.TarInfo, total: int) -> bytes:
    if (
        not member.isreg()
        or member.issparse()
        or member.name.startswith("/")
        or ".." in member.name.split("/")
    ):
        raise invalid(f"{member.name} of the archive is no plain file inside it; pack it anew.")
    if total > MOST_UNPACKED:
        raise _too_large(f"the archive unpacks to more than {MOST_UNPACKED} bytes")
    stream = archive.extractfile(member)
    return stream.read() if stream else b""


def _counting_headers() -> type[tarfile.TarInfo]:
    """Return a reader of headers that looks at each before the library goes on: at those too that it never shows."""
    seen = 0

    class Header(tarfile.TarInfo):
        # What the library calls with every header, and leaves to be overridden; from which function varies with Python's version.
        def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
            nonlocal seen
            seen += 1
            if seen > MOST_MEMBERS or (self.type in _SAYS_MORE and not 0 <= self.size <= _MOST_NAME):
                raise _too_large(f"the archive has more than {MOST_MEMBERS} members, or names without end")
            try:
                made: tarfile.TarInfo = super()._proc_member(archive)  # type: ignore[misc]
            except tarfile.HeaderError as error:  # the library would take it for the archive's end
                raise invalid(f"the archive can't be unpacked: {error}; pack it anew.") from error
            if made.size < 0:
                raise invalid(f"{made.name} of the archive has a size below zero; pack it anew.")
            return made

    return Header


def _too_large(what: str) -> SourceInvalidError:
    return SourceInvalidError("module_source_too_large", f"{what}; take out what is not needed.")


def invalid(detail: str) -> SourceInvalidError:
    """Return the refusal of a bundle that can't be read."""
    return SourceInvalidError("module_source_invalid", detail)
