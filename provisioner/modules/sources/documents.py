"""From the bytes of a bundle, or what Helm printed, to Kubernetes objects: bounded, and read as Kubernetes reads YAML.

What comes out is plain: texts, whole numbers of 64 bits, finite fractions, truths, lists, and mappings whose keys are texts; each
object has a kind, a name and the shape that `shapes` asks for. Pure.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from provisioner.modules.sources.archives import GZIP, invalid, unpacked
from provisioner.modules.sources.faults import SourceInvalidError
from provisioner.modules.sources.shapes import shape_fault
from provisioner.runtimes.inside import Json

MOST_OBJECTS = 400
MOST_PARTS = 500_000  # words, lists and mappings; an installation with large definitions has some 200,000
MOST_DEPTH = 100  # levels in one another: definitions of upstream have some 40
_WHOLE = range(-(2**63), 2**63)
_YAML = (".yaml", ".yml", ".json")


@dataclass
class _Room:
    """What may still come of one bundle."""

    objects: int
    parts: int


class _Loader(yaml.CSafeLoader):
    """Reads scalars as Kubernetes' own reader does (sigs.k8s.io/yaml): no dates, no numbers to the base of 60."""

    yaml_implicit_resolvers: dict[Any, Any] = {}


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:bool",
    re.compile(r"^(true|True|TRUE|false|False|FALSE|yes|Yes|YES|no|No|NO|on|On|ON|off|Off|OFF)$"),
    list("tTfFyYnNoO"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:int",
    re.compile(r"^[-+]?(0b[01_]+|0x[0-9a-fA-F_]+|0[0-7_]*|[1-9][0-9_]*)$"),
    list("-+0123456789"),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(
        r"^[-+]?([0-9][0-9_]*(\.[0-9_]*([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)|\.[0-9]+([eE][-+]?[0-9]+)?)$"
    ),
    list("-+0123456789."),
)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:null", re.compile(r"^(~|null|Null|NULL|)$"), ["~", "n", "N", ""]
)


def _number(loader: Any, node: Any) -> int | float:
    """Helm writes whole numbers of a million and more as 1e+06; an API server wants them whole."""
    value: float = loader.construct_yaml_float(node)
    return int(value) if value.is_integer() else value


_Loader.add_constructor("tag:yaml.org,2002:float", _number)
_Loader.add_implicit_resolver("tag:yaml.org,2002:merge", re.compile(r"^(<<)$"), ["<"])


def read_manifests(content: bytes) -> list[Json]:
    """Return the objects of a bundle, a YAML file or a .tar.gz of such, in their order; raises SourceInvalidError."""
    room = _Room(MOST_OBJECTS, MOST_PARTS)
    if not content.startswith(GZIP):
        return _read(_text(content, "the bundle"), "the bundle", room)
    found: list[Json] = []
    for name, text in unpacked(content):
        if name.endswith(_YAML):
            found += _read(_text(text, name), name, room)
    return found


def read_objects(text: str, *, where: str = "the bundle") -> list[Json]:
    """Return the objects of YAML with one or many documents, lists taken apart; raises SourceInvalidError."""
    return _read(text, where, _Room(MOST_OBJECTS, MOST_PARTS))


def read_mapping(content: bytes, where: str) -> Json:
    """Return what a file of YAML with one mapping says; raises SourceInvalidError."""
    said = list(_documents(_text(content, where), where, _Room(MOST_OBJECTS, MOST_PARTS)))
    if len(said) != 1 or not isinstance(said[0], dict):
        raise invalid(f"{where} says nothing, or something else than names with values.")
    return said[0]


def _read(text: str, where: str, room: _Room) -> list[Json]:
    found: list[Json] = []
    for document in _documents(text, where, room):
        for one in _objects(document, where):
            room.objects -= 1
            if room.objects < 0:
                detail = f"{where} has more than {MOST_OBJECTS} objects; split it into several modules."
                raise SourceInvalidError("module_source_too_large", detail)
            found.append(one)
    return found


def _documents(text: str, where: str, room: _Room) -> Iterator[Any]:
    """Yield what each document of YAML says, made plain; the whole text is looked at before anything is built of it."""
    try:
        _look_through(text, where, room)
        for document in yaml.load_all(text, Loader=_Loader):
            yield _plain(document, where)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise invalid(f"{where} is not YAML{line}: {getattr(error, 'problem', error)}.") from error
    # A number that is none, a key that no mapping can have: the reader says so in many ways.
    except (RecursionError, ValueError, TypeError, LookupError, ArithmeticError, AttributeError) as error:
        raise invalid(f"{where} can't be read: {error}.") from error


def _look_through(text: str, where: str, room: _Room) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.AliasEvent):
            raise invalid(f"{where} uses YAML aliases, through which a small file unfolds into a huge one.")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        room.parts -= 1
        if depth > MOST_DEPTH or room.parts < 0:
            detail = f"{where} goes more than {MOST_DEPTH} levels deep, or has more than {MOST_PARTS} parts; split it."
            raise SourceInvalidError("module_source_too_large", detail)


def _plain(value: Any, where: str) -> Any:
    """Return what JSON says alike: keys as texts, which Kubernetes makes of them too; raises SourceInvalidError for the rest."""
    if isinstance(value, dict):
        return {_key(key, where): _plain(one, where) for key, one in value.items()}
    if isinstance(value, list):
        return [_plain(one, where) for one in value]
    if isinstance(value, str) and "\0" in value:
        raise invalid(f"{where} has a text with the character 0, which Kubernetes' stores don't take.")
    if value is None or isinstance(value, str | bool):
        return value
    if (isinstance(value, int) and value in _WHOLE) or (isinstance(value, float) and math.isfinite(value)):
        return value
    what = "a number beyond 64 bits" if isinstance(value, int | float) else f"a {type(value).__name__}"
    raise invalid(f"{where} holds {what}, which JSON can't say; write it as a text.")


def _key(key: Any, where: str) -> str:
    if isinstance(key, bool):
        return str(key).lower()
    if isinstance(key, str | int | float):
        return str(_plain(key, where))
    raise invalid(f"{where} has a key that is no text ({type(key).__name__}); write it in quotes.")


def _objects(document: Any, where: str) -> Iterator[Json]:
    if document is None or document == {}:
        return
    if isinstance(document, dict) and document.get("kind") == "List":
        items = document.get("items") or []
        if not isinstance(items, list):
            raise invalid(f"{where} holds a List whose items are no list.")
        for item in items:
            yield from _objects(item, where)
        return
    found = shape_fault(document)
    if found:
        raise SourceInvalidError("module_object_invalid", f"{where} holds {found}")
    yield document


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise invalid(f"{where} is neither text nor an archive of it (.tar.gz).") from None
