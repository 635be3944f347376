"""Turns every fault that JSON Schema finds into a code and a sentence that names the field and the remedy."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from jsonschema import Draft202012Validator, ValidationError
from jsonschema.validators import extend

Path = tuple[str | int, ...]

TYPES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "object": "an object",
    "array": "a list",
    "null": "null",
}
LONGEST_VALUE = 60
LONGEST_LIST = 15  # choices spelled out in a sentence before it turns unreadable
CODES = {
    "type": "wrong_type",
    "enum": "not_one_of",
    "minimum": "too_small",
    "maximum": "too_large",
    "minLength": "too_short",
    "maxLength": "too_long",
    "pattern": "wrong_format",
    "minItems": "too_few",
    "maxItems": "too_many",
    "maxProperties": "too_many",
    "uniqueItems": "not_unique",
}


@dataclass(frozen=True)
class Fault:
    """One thing wrong, at a path from the root of the checked value."""

    path: Path
    code: str
    detail: str
    part: str = ""  # which key of an object, where its name itself is wrong


def _ecma_pattern(_: Any, pattern: str, instance: Any, __: Any) -> Iterator[ValidationError]:
    # Python's `$` also matches before a final newline; JSON Schema's does not.
    if isinstance(instance, str) and not re.search(re.sub(r"\$$", r"\\Z", pattern), instance):
        yield ValidationError(f"{instance!r} does not match {pattern!r}")


Validator = extend(Draft202012Validator, {"pattern": _ecma_pattern})  # type: ignore[no-untyped-call]


MOST_VALIDATORS = 256
# PostgreSQL stores neither NUL nor lone surrogates: refused here, or they would end as a server error.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_validators: dict[int, tuple[Mapping[str, Any], Any]] = {}


def find_faults(schema: Mapping[str, Any], value: Any, *, root: str) -> list[Fault]:
    """Every fault of `value`, by path; `root` begins the field's name in each sentence."""
    unclean = list(_unclean_texts(value, (), root))
    if unclean:
        return unclean
    errors = sorted(_validator(schema).iter_errors(value), key=_order)
    faults = [fault for error in errors for fault in _explain(error, root)]
    # The first fault of a field explains it; the ones behind it would say the same in other words.
    return list({(fault.path, fault.part): fault for fault in reversed(faults)}.values())[::-1]


def _validator(schema: Mapping[str, Any]) -> Any:
    """Return the schema's validator, kept with the schema: to make one costs as much as to use it."""
    kept = _validators.get(id(schema))
    if kept is None or kept[0] is not schema:
        if len(_validators) >= MOST_VALIDATORS:
            _validators.clear()
        kept = _validators[id(schema)] = (schema, Validator(schema))
    return kept[1]


def _order(error: ValidationError) -> tuple[list[str], bool]:
    return [f"{step:09}" if isinstance(step, int) else step for step in error.path], error.validator != "type"


def named(root: str, path: Sequence[str | int]) -> str:
    """The dotted name of a field, for example `parameters.additionalWorkerNodePools.0.name`."""
    return ".".join([*([root] if root else []), *(str(step) for step in path)])


def shown(value: Any) -> str:
    """A value as JSON in ASCII, cut to a length that fits a sentence."""
    text = json.dumps(value, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."


def choices(known: Sequence[Any], given: Any) -> str:
    """ "Did you mean ...?" where something is near, and the choices as far as they fit a sentence."""
    words = [str(entry) for entry in known]
    near = get_close_matches(str(given)[:100], words, n=1, cutoff=0.6)
    guess = f"Did you mean {near[0]}? " if near else ""
    listed = ", ".join(words[:LONGEST_LIST])
    more = f" and {len(words) - LONGEST_LIST} more" if len(words) > LONGEST_LIST else ""
    return f"{guess}Choose one of: {listed}{more}." if words else f"{guess}There is nothing to choose from."


def _unclean_texts(value: Any, path: Path, root: str) -> Iterator[Fault]:
    if isinstance(value, str):
        if _UNSTORABLE.search(value):
            name = named(root, path)
            yield Fault(path, "invalid_text", f"{name} holds a character that can't be stored; remove it.")
    elif isinstance(value, Mapping):
        for key, entry in value.items():
            yield from _unclean_texts(key, path, root)
            yield from _unclean_texts(entry, (*path, key), root)
    elif isinstance(value, list):
        for index, entry in enumerate(value):
            yield from _unclean_texts(entry, (*path, index), root)


def _explain(error: ValidationError, root: str) -> Iterator[Fault]:
    path: Path = tuple(error.absolute_path)
    keyword, schema = str(error.validator), error.schema if isinstance(error.schema, Mapping) else {}
    if keyword == "oneOf":
        yield from _explain_choice(error, path, schema, root)
    elif keyword == "additionalProperties":
        yield from _explain_unknown(error, path, schema, root)
    elif keyword == "required":
        yield from _explain_missing(error, path, schema, root)
    elif "propertyNames" in error.absolute_schema_path:
        name, rule = named(root, path), schema.get("x-pattern-text", "a valid name")
        yield Fault(
            path,
            "wrong_format",
            f"{name}: the key {shown(error.instance)} must be {rule}.",
            part=str(error.instance),
        )
    else:
        code = schema.get("x-codes", {}).get(keyword, CODES.get(keyword, "invalid"))
        yield Fault(path, code, f"{named(root, path)} {_complaint(keyword, error, schema)}")


def _complaint(keyword: str, error: ValidationError, schema: Mapping[str, Any]) -> str:
    limit: Any = error.validator_value
    instance: Any = error.instance
    value = shown(instance)
    unit = f" {schema['x-unit']}" if "x-unit" in schema else ""
    sentences: dict[str, Callable[[], str]] = {
        "type": lambda: f"must be {_types(limit)}, not {value}.",
        "enum": lambda: f"can't be {value}. {choices(limit, instance)}",
        "minimum": lambda: f"is {value}, but must be at least {limit}{unit}.",
        "maximum": lambda: f"is {value}, but must be at most {limit}{unit}.",
        "minLength": lambda: f"must have at least {limit} character(s).",
        "maxLength": lambda: f"must have at most {limit} characters; it has {len(instance)}: shorten it.",
        "pattern": lambda: f"is {value}, but must be {schema.get('x-pattern-text', f'like {limit}')}.",
        "minItems": lambda: f"must have at least {limit} entries.",
        "maxItems": lambda: f"must have at most {limit} entries; it has {len(instance)}.",
        "maxProperties": lambda: f"must have at most {limit} entries; it has {len(instance)}.",
        "uniqueItems": lambda: "names the same entry twice; remove one.",
    }
    return sentences.get(keyword, lambda: f"is {value}, which is not allowed here.")()


def _types(wanted: str | Sequence[str]) -> str:
    names = [wanted] if isinstance(wanted, str) else wanted
    return " or ".join(TYPES.get(name, name) for name in names)


def _explain_unknown(
    error: ValidationError, path: Path, schema: Mapping[str, Any], root: str
) -> Iterator[Fault]:
    known = list(schema.get("properties", {}))
    given: Any = error.instance
    for key in given:
        if key not in known:
            name = named(root, (*path, key))
            yield Fault((*path, key), "unknown_field", f"{name} is not a known field. {choices(known, key)}")


def _explain_missing(
    error: ValidationError, path: Path, schema: Mapping[str, Any], root: str
) -> Iterator[Fault]:
    # jsonschema reports each missing key on its own, and names it only in the message.
    required: Any = error.validator_value
    given: Any = error.instance
    for key in required:
        if key not in given and error.message.startswith(repr(key)):
            title = schema.get("properties", {}).get(key, {}).get("title", "")
            hint = f" ({title})" if title else ""
            detail = f"{named(root, (*path, key))}{hint} is required; add it."
            yield Fault((*path, key), "required_field", detail)


def _explain_choice(
    error: ValidationError, path: Path, schema: Mapping[str, Any], root: str
) -> Iterator[Fault]:
    offered: Any = error.validator_value
    branches = [branch for branch in offered if isinstance(branch, Mapping)]
    given = set(error.instance) if isinstance(error.instance, Mapping) else set()
    shared = [len(given & set(branch.get("properties", {}))) for branch in branches]
    if sum(1 for count in shared if count) > 1:
        name = named(root, path)
        keys = " or ".join(
            "/".join(key for key in branch["properties"] if key in given) for branch in branches if given
        )
        code = schema.get("x-codes", {}).get("oneOf", "fields_exclude_each_other")
        yield Fault(path, code, f"{name} takes {keys}, not both; leave one out.")
        return
    if not given:
        name = named(root, path)
        forms = " or ".join(", ".join(branch.get("required", ())) for branch in branches)
        if isinstance(error.instance, Mapping):
            yield Fault(path, "required_field", f"{name} is empty; give {forms}, or leave {name} out.")
        return
    if not any(shared):
        known = [key for branch in branches for key in branch.get("properties", {})]
        for key in sorted(given):
            name = named(root, (*path, key))
            yield Fault((*path, key), "unknown_field", f"{name} is not a known field. {choices(known, key)}")
        return
    nearest = shared.index(max(shared))
    for inner in error.context or ():
        if inner.relative_schema_path[0] == nearest:
            yield from _explain(inner, root)
