"""Whether what a tenant wrote stays in one line, wherever a template or a file puts it. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any

# Control characters, halves of characters, and what Unicode and YAML 1.1 take for the end of a line; joiners and blanks are none.
_BREAKING = frozenset({"Cc", "Cs", "Zl", "Zp"})


def is_one_line(text: str) -> bool:
    """Say whether a text has no line break and no control character in it."""
    return text.isprintable() or not any(unicodedata.category(one) in _BREAKING for one in text)


def texts_of_many_lines(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Yield the path of each text that is more than one line, be it a value or a name."""
    if isinstance(value, Mapping):
        for key, one in value.items():
            if isinstance(key, str) and not is_one_line(key):
                yield (*path, key)
            yield from texts_of_many_lines(one, (*path, str(key)))
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            yield from texts_of_many_lines(one, (*path, str(index)))
    elif isinstance(value, str) and not is_one_line(value):
        yield path
