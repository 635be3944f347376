"""What is wrong with a bundle. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_LONGEST = 600  # characters


@dataclass(frozen=True)
class SourceFault:
    """A stable code, and a sentence with the remedy, fit for a terminal and for PostgreSQL whatever a bundle calls its things.

    `about` is the object, where it is one's: a sentence may quote what a runtime's settings say.
    """

    code: str
    detail: str
    about: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "detail", in_one_line(self.detail))

    @property
    def mark(self) -> tuple[str, str]:
        """What is the same of a fault whatever settings its sentence quotes."""
        return self.code, self.about or self.detail


def beyond(faults: Sequence[SourceFault], known: Iterable[Sequence[SourceFault]]) -> list[SourceFault]:
    """Return the faults that none of the `known` renderings had: of each kind as many as are more than in any of them."""
    sentences: set[str] = set()
    left: Counter[tuple[str, str]] = Counter()
    for rendering in known:
        sentences |= {fault.detail for fault in rendering}
        left |= Counter(fault.mark for fault in rendering)
    found = []
    for fault in sorted(faults, key=lambda fault: fault.detail not in sentences):
        if left[fault.mark] == 0:
            found.append(fault)
        left[fault.mark] -= left[fault.mark] > 0
    return found


class SourceInvalidError(Exception):
    """A bundle that can't be read at all."""

    def __init__(self, code: str, detail: str) -> None:
        self.fault = SourceFault(code, detail)
        super().__init__(self.fault.detail)


def in_one_line(text: str) -> str:
    """Return words of a bundle as people's terminals and PostgreSQL take them: short, and without control characters."""
    shown = "".join(one if one.isprintable() else " " for one in text)
    return shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST // 2]} … {shown[-_LONGEST // 2 :]}"
