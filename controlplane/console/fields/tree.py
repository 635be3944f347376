"""The tree of fields that templates walk; each kind of field has a template of its name in console/fields/."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Option:
    """One thing to choose."""

    value: str
    title: str
    chosen: bool = False
    group: str = ""


@dataclass
class Field:
    """One question to the person. `kind` names its template:

    text, secret, number, switch (yes or no), select, radios, checks (several of a few), lines (texts, one a line), pairs
    (key=value, one a line), section (a group), rows (a list of groups), picks (a list of chosen things with details),
    choice (one of several forms).
    """

    kind: str
    name: str
    title: str
    help: str = ""
    value: Any = ""
    unit: str = ""
    required: bool = False
    locked: bool = False  # shown, but can't be changed
    advanced: bool = False
    minimum: int | None = None
    maximum: int | None = None
    options: list[Option] = field(default_factory=list)
    children: list[Field] = field(default_factory=list)
    item_title: str = ""
    most: int | None = None
    movable: bool = False  # rows that have an order
    spread: bool = False  # takes the form's whole width
    echo: bool = False  # its group is called the same, so the title is only for those who hear it
    branch: str = ""  # of a choice: the option under which it is shown
    errors: list[str] = field(default_factory=list)

    @property
    def id(self) -> str:
        """The element's id."""
        return "f-" + self.name.replace(".", "-")

    @property
    def last(self) -> str:
        """The last part of its name: a pick's value."""
        return self.name.rsplit(".", 1)[-1]

    @property
    def template(self) -> str:
        """The file that draws it."""
        return f"console/fields/{self.kind}.html"

    @property
    def plain(self) -> list[Field]:
        """Children that are shown at once."""
        return [child for child in self.children if not child.advanced]

    @property
    def folded(self) -> list[Field]:
        """Children that a person unfolds."""
        return [child for child in self.children if child.advanced]

    @property
    def troubled(self) -> bool:
        """Whether this field or one inside has an error: then nothing around it may be folded."""
        return any(entry.errors for entry in self.walk())

    @property
    def folded_troubled(self) -> bool:
        """Whether an error hides among the folded children."""
        return any(child.troubled for child in self.folded)

    @property
    def full(self) -> bool:
        """Whether a list takes no more entries."""
        return self.most is not None and len(self.children) >= self.most

    @property
    def grouped_options(self) -> list[tuple[str, list[Option]]]:
        """Options by their group, in order of first appearance."""
        groups: dict[str, list[Option]] = {}
        for option in self.options:
            groups.setdefault(option.group, []).append(option)
        return list(groups.items())

    @property
    def described_by(self) -> str:
        """Ids of the help and the error, for aria-describedby."""
        parts = [f"{self.id}-help"] if self.help else []
        return " ".join([*parts, *([f"{self.id}-error"] if self.errors else [])])

    def walk(self) -> Iterator[Field]:
        """This field and every one inside."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass
class Group:
    """A part of the form with a heading."""

    key: str
    title: str
    help: str
    fields: list[Field]

    @property
    def plain(self) -> list[Field]:
        """Fields shown at once."""
        return [entry for entry in self.fields if not entry.advanced]

    @property
    def folded(self) -> list[Field]:
        """Fields that a person unfolds."""
        return [entry for entry in self.fields if entry.advanced]

    @property
    def folded_troubled(self) -> bool:
        """Whether an error hides among the folded fields."""
        return any(entry.troubled for entry in self.folded)
