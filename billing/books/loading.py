"""Reads the price books' files; what is wrong is told with file and line, everything at once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from billing.meters.registry import meters
from billing.pricing.book import Book
from billing.pricing.fields import BookInvalidError
from billing.pricing.reading import check_history, parse_book
from billing.pricing.types import MeterFacts
from controlplane.catalog.loading.reading import (
    CatalogInvalidError,
    Document,
    FileFault,
    parse_document,
    read_document,
)

DATA = Path(__file__).resolve().parent / "data"


class BooksInvalidError(Exception):
    """The files are wrong: nothing was written; `faults` says where and what to do."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True, slots=True)
class BookFile:
    """One version of a book as its file has it; its end is the next version's beginning where it names none."""

    document: Mapping[str, Any]
    book: Book


@lru_cache(maxsize=1)
def meter_facts() -> dict[str, MeterFacts]:
    """Return what pricing must know of every meter that is billed."""
    return {
        key: MeterFacts(meter.unit, meter.per_unit, bool(meter.dimension))
        for key, meter in meters().items()
        if meter.billed
    }


def read_books(
    folder: Path = DATA,
    *,
    beside: Iterable[Mapping[str, Any]] = (),
    stored: Collection[Mapping[str, Any]] = (),
) -> list[BookFile]:
    """Return the books of a folder by key and version; raises BooksInvalidError with every fault of every file.

    Versions `beside` the folder stay between those of the same book that it holds: people uploaded them. A file that says what
    is `stored` may be older than some bound or meter.
    """
    if not folder.is_dir():
        raise BooksInvalidError(
            [FileFault(str(folder), 1, "folder_missing", "there is no such folder; check --dir.")]
        )
    faults: list[FileFault] = []
    read = _read(folder, stored, faults)
    if not read and not faults:
        faults.append(
            FileFault(str(folder), 1, "folder_empty", "it holds no price book (*.yaml); check --dir.")
        )
    named = {(book.key, book.version) for _, book in read}
    keys = {key for key, _ in named}
    read += [
        (document, book)
        for document, book in map(kept, beside)
        if book.key in keys and (book.key, book.version) not in named
    ]
    files = [BookFile(document.data, book) for document, book in _ended(read, faults)]
    if faults:
        raise BooksInvalidError(faults)
    return files


def kept(document: Mapping[str, Any], *, bounded: bool = False) -> tuple[Document, Book]:
    """Return a version that was loaded before, as its document has it: it may be older than some meter.

    Raises BookInvalidError where it is to be `bounded`, as what is new, and is not.
    """
    book = parse_book(document, meter_facts(), whole=False, bounded=bounded)
    return Document(f"{book.key}/{book.version}", document, {}), book


def unpriced(document: Mapping[str, Any]) -> list[str]:
    """Return the meters of which a version that was loaded before leaves some usage without a price: it is older than they."""
    selectors = ("dimensions", "plans", "regions")
    whole = {line["meter"] for line in document["lines"] if not any(line.get(name) for name in selectors)}
    return sorted(meter_facts().keys() - whole - set(document.get("free", ())))


def read_upload(text: str) -> tuple[Document, Book]:
    """Return the version that an uploaded YAML text holds; raises BooksInvalidError with every fault and its line."""
    try:
        document = parse_document("line", text)
        return document, parse_book(document.data, meter_facts())
    except CatalogInvalidError as error:
        raise BooksInvalidError(list(error.faults)) from error
    except BookInvalidError as error:
        raise BooksInvalidError(
            [document.fault(fault.path, fault.code, fault.detail) for fault in error.faults]
        ) from error


def read_history(versions: Iterable[tuple[Document, Book]]) -> list[BookFile]:
    """Return versions of one book, each ending where the next begins; raises BooksInvalidError where they can't follow."""
    faults: list[FileFault] = []
    files = [BookFile(document.data, book) for document, book in _ended(list(versions), faults)]
    if faults:
        raise BooksInvalidError(faults)
    return files


def read_book(path: Path) -> Book:
    """Return the version of a book that one file holds, whatever its name; raises BooksInvalidError."""
    try:
        document = read_document(path.parent, path)
        return parse_book(document.data, meter_facts())
    except CatalogInvalidError as error:
        raise BooksInvalidError(list(error.faults)) from error
    except BookInvalidError as error:
        raise BooksInvalidError(
            [document.fault(fault.path, fault.code, fault.detail) for fault in error.faults]
        ) from error


def _read(
    folder: Path, stored: Collection[Mapping[str, Any]], faults: list[FileFault]
) -> list[tuple[Document, Book]]:
    read: list[tuple[Document, Book]] = []
    for path in sorted(folder.glob("*.yaml")):
        try:
            document = read_document(folder, path)
            is_stored = document.data in stored
            read.append((document, parse_book(document.data, meter_facts(), whole=not is_stored)))
        except CatalogInvalidError as error:
            faults += error.faults
            continue
        except BookInvalidError as error:
            faults += [document.fault(fault.path, fault.code, fault.detail) for fault in error.faults]
            continue
        book = read[-1][1]
        if path.stem != f"{book.key}-{book.version}":
            detail = f"it holds version {book.version} of {book.key}; name it {book.key}-{book.version}.yaml."
            faults.append(document.fault(("key",), "file_misnamed", detail))
    return read


def _ended(read: list[tuple[Document, Book]], faults: list[FileFault]) -> list[tuple[Document, Book]]:
    found: list[tuple[Document, Book]] = []
    for key in sorted({book.key for _, book in read}):
        versions = sorted(
            (entry for entry in read if entry[1].key == key), key=lambda entry: entry[1].version
        )
        by_book = {id(book): document for document, book in versions}
        for book, fault in check_history([book for _, book in versions]):
            faults.append(by_book[id(book)].fault(fault.path, fault.code, fault.detail))
        for (document, earlier), (_, later) in pairwise(versions):
            until = earlier.effective_to or later.effective_from
            found.append((document, replace(earlier, effective_to=until)))
        found.append(versions[-1])
    return found
