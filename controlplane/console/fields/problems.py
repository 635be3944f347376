"""Puts a refusal's errors to their fields, and into a person's words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from controlplane.console.fields.tree import Field
from controlplane.kernel.errors import FieldError, Refused


@dataclass(frozen=True)
class Problem:
    """One line of the summary on top of the form; an empty `anchor` means that no field is to blame."""

    anchor: str
    text: str


def place(refusal: Refused, fields: Sequence[Field]) -> list[Problem]:
    """Write each error to the field that it names, or to the nearest around it, and return the summary."""
    known = {entry.name: entry for top in fields for entry in top.walk()}
    parents = {child.name: entry for top in fields for entry in top.walk() for child in entry.children}
    words = {name.rsplit(".", 1)[-1]: entry.title for name, entry in known.items()}
    problems: list[Problem] = []
    for error in refusal.errors or (FieldError("", refusal.code, refusal.detail),):
        target = _nearest(error.field, known)
        if target is None:
            problems.append(Problem("", _in_words(error, None, words)))
            continue
        sentence = _in_words(error, target, words)
        target.errors.append(sentence)
        parent = parents.get(target.name)
        inside = f"{parent.title}: " if parent is not None and parent.kind == "section" else ""
        problems.append(Problem(target.id, inside + sentence))
    return problems


def _nearest(path: str, known: dict[str, Field]) -> Field | None:
    while path:
        if path in known:
            return known[path]
        if f"{path}.list" in known:
            return known[f"{path}.list"]
        path = path.rpartition(".")[0]
    return None


def _in_words(error: FieldError, target: Field | None, words: dict[str, str]) -> str:
    text = error.detail
    if target is not None and error.field:
        # A dotted path is nobody else's word; "name" or "account" also stands in plain sentences.
        begin = "" if "." in error.field else "^"
        text = re.sub(rf"{begin}{re.escape(error.field)}(?!\w)", lambda _: f"“{target.title}”", text, count=1)
        text = text.replace(f"” ({target.title})", "”", 1)
    # Names in camelCase are the API's; the form knows them by their titles.
    for key in _camel(words):
        text = re.sub(rf"(?<![\w.“]){key}\b", f"“{words[key]}”", text)
    return text.removeprefix("parameters.")


def _camel(names: Iterable[str]) -> list[str]:
    return [name for name in names if re.fullmatch(r"[a-z]+(?:[A-Z][A-Za-z]*)+", name)]
