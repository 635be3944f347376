"""What is wrong with a bundle. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_LONGEST = 600  # characters
# What they reach is named in the sentence, and no setting may widen it.
_EXACT = frozenset(
    {
        "module_object_kind",
        "module_object_place",
        "module_object_reserved",
        "module_object_secret",
        "module_object_taken",
    }
)
_PLAIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{2,}")
_NUMBER = re.compile(r"\d+")


@dataclass(frozen=True)
class SourceFault:
    """A stable code, and a sentence with the remedy, fit for a terminal and for PostgreSQL whatever a bundle calls its things."""

    code: str
    detail: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", in_one_line(self.detail))


@dataclass(frozen=True)
class Tried:
    """What was wrong with a rendering, and the settings that it was made with."""

    faults: Sequence[SourceFault]
    settings: Mapping[str, Any]

    def marks(self) -> list[tuple[str, str]]:
        """Return what each fault is known by, whatever settings its sentence quotes."""
        words = sorted(filter(_PLAIN.fullmatch, _words(self.settings)), key=len, reverse=True)
        return [_mark(fault, words) for fault in self.faults]


def beyond(made: Tried, before: Iterable[Tried]) -> list[SourceFault]:
    """Return the faults that none of the renderings before had, or not as often.

    A fault is known again by the very words, else by its sentence but for what settings say in it: numbers, and plain names. Of
    what a bundle would change that is not its own, or where, it is known by the very words alone.
    """
    said: dict[SourceFault, tuple[str, str]] = {}
    left: Counter[tuple[str, str]] = Counter()
    for rendering in before:
        marks = rendering.marks()
        said |= dict(zip(rendering.faults, marks, strict=True))
        left |= Counter(marks)
    left -= Counter(said[fault] for fault in made.faults if fault in said)
    found = []
    for fault, mark in zip(made.faults, made.marks(), strict=True):
        if fault in said:
            continue
        if left[mark] == 0:
            found.append(fault)
        left[mark] -= left[mark] > 0
    return found


def _mark(fault: SourceFault, words: Iterable[str]) -> tuple[str, str]:
    said = fault.detail
    if fault.code not in _EXACT:
        for word in words:
            said = said.replace(word, "{}")
        said = _NUMBER.sub("{}", said)
    return fault.code, said


def _words(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from _words(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _words(one)


class SourceInvalidError(Exception):
    """A bundle that can't be read at all."""

    def __init__(self, code: str, detail: str) -> None:
        self.fault = SourceFault(code, detail)
        super().__init__(self.fault.detail)


def in_one_line(text: str) -> str:
    """Return words of a bundle as people's terminals and PostgreSQL take them: short, and without control characters."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"
