"""From the bytes of a bundle, or what Helm printed, to Kubernetes objects: bounded, and as Kubernetes reads YAML. Pure."""

from __future__ import annotations

import io
import re
import tarfile
from collections.abc import Iterator
from typing import Any

import yaml

from provisioner.modules.sources.faults import SourceInvalidError
from provisioner.runtimes.inside import Json

MOST_OBJECTS = 400
MOST_UNPACKED = 48 * 1024 * 1024  # bytes of all files of an archive together
MOST_FILES = 2000
_GZIP = b"\x1f\x8b"
_YAML = (".yaml", ".yml", ".json")


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
    if not content.startswith(_GZIP):
        return read_objects(_text(content, "the bundle"))
    found: list[Json] = []
    for name, text in unpacked(content):
        if name.endswith(_YAML):
            found += read_objects(_text(text, name), where=name)
    return found


def unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of every file of a .tar.gz, by name; raises SourceInvalidError for one that is unsafe to unpack."""
    files: dict[str, bytes] = {}
    total = 0
    try:
        with tarfile.open(fileobj=io.BytesIO(content), mode="r:gz") as archive:
            for member in archive:
                if member.isdir():
                    continue
                if not member.isreg() or member.name.startswith("/") or ".." in member.name.split("/"):
                    raise _invalid(f"{member.name} of the archive is no plain file inside it; pack it anew.")
                total += member.size
                if total > MOST_UNPACKED or len(files) >= MOST_FILES:
                    detail = f"the archive unpacks to more than {MOST_UNPACKED} bytes or {MOST_FILES} files."
                    raise SourceInvalidError("module_source_too_large", detail)
                stream = archive.extractfile(member)
                files[member.name] = stream.read() if stream else b""
    except (tarfile.TarError, OSError, EOFError) as error:
        raise _invalid(f"the archive can't be unpacked: {error}.") from error
    yield from sorted(files.items())


def read_objects(text: str, *, where: str = "the bundle") -> list[Json]:
    """Return the objects of YAML with one or many documents, lists taken apart; raises SourceInvalidError."""
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=_Loader)):
            raise _invalid(f"{where} uses YAML aliases, through which a small file unfolds into a huge one.")
        documents = list(yaml.load_all(text, Loader=_Loader))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f" in line {mark.line + 1}" if mark else ""
        raise _invalid(f"{where} is not YAML{line}: {getattr(error, 'problem', error)}.") from error
    except (RecursionError, ValueError) as error:
        raise _invalid(f"{where} can't be read: {error}.") from error
    found: list[Json] = []
    for document in documents:
        found += _objects(document, where)
        if len(found) > MOST_OBJECTS:
            detail = f"{where} has more than {MOST_OBJECTS} objects; split it into several modules."
            raise SourceInvalidError("module_source_too_large", detail)
    return found


def _objects(document: Any, where: str) -> Iterator[Json]:
    if document is None or document == {}:
        return
    if isinstance(document, dict) and document.get("kind") == "List":
        for item in document.get("items") or ():
            yield from _objects(item, where)
        return
    metadata = document.get("metadata") if isinstance(document, dict) else None
    name = metadata.get("name") if isinstance(metadata, dict) else None
    if not (isinstance(name, str) and name and document.get("apiVersion") and document.get("kind")):
        raise _invalid(f"{where} holds a document that is no Kubernetes object with a kind and a name.")
    yield {**document, "apiVersion": str(document["apiVersion"]), "kind": str(document["kind"])}


def _text(content: bytes, where: str) -> str:
    try:
        return content.decode("utf-8")
    except UnicodeDecodeError:
        raise _invalid(f"{where} is neither text nor an archive of it (.tar.gz).") from None


def _invalid(detail: str) -> SourceInvalidError:
    return SourceInvalidError("module_source_invalid", detail)
