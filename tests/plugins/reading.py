"""Reads a text of the catalog once per process: nearly every catalog of a test is the reviewed one with a line changed.

What a text holds, and what its shape lacks, depends on nothing else; to find out takes most of what a test with a catalog costs.
"""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from controlplane.catalog.loading.reading import Document, FileFault


@pytest.fixture(scope="session", autouse=True)
def texts_are_read_once() -> None:
    """Take the place of the reader and of the look at shapes. Whoever reads gets data of its own; faults are found each time."""
    from controlplane.catalog.loading import catalog, reading

    parse, look = reading.parse_document, catalog._shape_faults
    read: dict[tuple[str, str], bytes] = {}
    sound: dict[tuple[Any, ...], Any] = {}  # with the shape: as long as it is here nothing else has its id

    def parse_once(name: str, text: str) -> Document:
        if (name, text) not in read:
            read[name, text] = pickle.dumps(parse(name, text))
        document: Document = pickle.loads(read[name, text])
        return document

    def look_once(document: Document, shape: dict[str, Any], key: str, stem: str) -> list[FileFault]:
        seen = (pickle.dumps(document), id(shape), key, stem)
        faults = [] if seen in sound else look(document, shape, key, stem)
        if not faults:
            sound[seen] = shape
        return faults

    reading.parse_document, catalog._shape_faults = parse_once, look_once
