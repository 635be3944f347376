"""One YAML file with the line of everything in it; stricter than YAML where YAML surprises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import yaml

Step = str | int


@dataclass(frozen=True)
class FileFault:
    """One thing wrong in one file."""

    file: str
    line: int
    code: str
    detail: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.detail} [{self.code}]"


class CatalogInvalidError(Exception):
    """The files are wrong: nothing was written; `faults` says where and what to do."""

    def __init__(self, faults: list[FileFault]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Document:
    """The content of a file, and the line on which each part of it begins."""

    file: str  # relative to the catalog's folder
    data: Any
    lines: Mapping[tuple[Step, ...], int]

    def fault(self, path: tuple[Step, ...], code: str, detail: str) -> FileFault:
        """A fault at `path`, or at the nearest part above it that has a line."""
        while path not in self.lines and path:
            path = path[:-1]
        return FileFault(self.file, self.lines.get(path, 1), code, detail)


class _Loader(yaml.CSafeLoader):
    """Reads 1.30 and 2026-11-22 as texts and only true and false as booleans. In C: the other takes ten times as long."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


# A number of thousands of digits stays a text: Python reads none, and nothing here counts so far.
_Loader.add_implicit_resolver("int", re.compile(r"^-?(0|[1-9][0-9]{0,99})$"), list("-0123456789"))
_Loader.add_implicit_resolver("bool", re.compile(r"^(true|false)$"), list("tf"))
_Loader.add_implicit_resolver("null", re.compile(r"^(null|)$"), ["n", ""])


def read_document(folder: Path, path: Path) -> Document:
    """Read one file; raises CatalogInvalidError where it isn't YAML or a key stands twice."""
    name = path.relative_to(folder).as_posix()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        detail = f"this file can't be read: {error}."
        raise CatalogInvalidError([FileFault(name, 1, "yaml_invalid", detail)]) from error
    return parse_document(name, text)


def parse_document(name: str, text: str) -> Document:
    """Read what a file of that name would hold; raises CatalogInvalidError as `read_document` does."""
    lines: dict[tuple[Step, ...], int] = {}
    faults: list[FileFault] = []
    try:
        _refuse_aliases(text)
        data = _construct(yaml.compose(text, Loader=_Loader), (), name, lines, faults)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        detail = f"this is not valid YAML: {error.problem}."
        raise CatalogInvalidError(
            [FileFault(name, mark.line + 1 if mark else 1, "yaml_invalid", detail)]
        ) from error
    except (yaml.YAMLError, RecursionError, UnicodeError) as error:  # the last: half a pair of surrogates
        detail = f"this file can't be read: {error}."
        raise CatalogInvalidError([FileFault(name, 1, "yaml_invalid", detail)]) from error
    if faults:
        raise CatalogInvalidError(faults)
    return Document(name, data, lines)


def _refuse_aliases(text: str) -> None:
    """Raise MarkedYAMLError at the first alias: through such a small file could unfold into a huge one."""
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            mark = cast("yaml.Mark", event.start_mark)  # of the parser in C, which has a class of its own
            raise yaml.MarkedYAMLError(problem="aliases are not allowed; write it out", problem_mark=mark)


def _construct(
    node: yaml.Node | None,
    path: tuple[Step, ...],
    file: str,
    lines: dict[tuple[Step, ...], int],
    faults: list[FileFault],
) -> Any:
    if node is None:
        return None
    lines[path] = node.start_mark.line + 1
    if isinstance(node, yaml.SequenceNode):
        return [
            _construct(entry, (*path, index), file, lines, faults) for index, entry in enumerate(node.value)
        ]
    if isinstance(node, yaml.MappingNode):
        mapping: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = str(key_node.value)
            if key in mapping:
                line = key_node.start_mark.line + 1
                faults.append(FileFault(file, line, "key_twice", f"{key} stands here twice; remove one."))
            mapping[key] = _construct(value_node, (*path, key), file, lines, faults)
            lines[(*path, key)] = key_node.start_mark.line + 1
        return mapping
    return _scalar(node.tag, str(node.value))


def _scalar(tag: str, text: str) -> Any:
    if tag == "int":
        return int(text)
    if tag == "bool":
        return text == "true"
    return None if tag == "null" else text
