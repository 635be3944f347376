"""Strict JSON: what PostgreSQL can't keep or a reader could misread is refused with its own code. Pure."""

from __future__ import annotations

import codecs
import json
import math
import re
from typing import Any

from controlplane.kernel.errors import Refused

DEEPEST = 32
LARGEST_INTEGER = 2**63 - 1
_UNCLEAN = re.compile("[\0\ud800-\udfff]")


def read_object(raw: bytes) -> dict[str, Any]:
    """Return the JSON object; raises Refused 400.

    It is UTF-8 without duplicate keys, NaN, NUL, lone surrogates, giant numbers or deep nests.
    """
    try:
        data = json.loads(
            raw.decode("utf-8"),
            object_pairs_hook=_object,
            parse_constant=_no_constant,
            parse_float=_float,
            parse_int=_integer,
        )
    except UnicodeDecodeError as error:
        detail = f"Byte {error.start} of the body is not UTF-8; send its text in UTF-8."
        raise Refused("invalid_json", detail, status=400) from error
    except json.JSONDecodeError as error:
        raise Refused("invalid_json", _unreadable(error, raw), status=400) from error
    except RecursionError as error:
        raise _too_deep() from error
    if not isinstance(data, dict):
        detail = "The body is JSON, but no object; send one: {…}, with the names of the fields in it."
        raise Refused("not_an_object", detail, status=400)
    # Only an escape can bring in what must not be stored, and only many brackets can nest deeply.
    if b"\\u" in raw or raw.count(b"[") + raw.count(b"{") > DEEPEST:
        _inspect(data, 1)
    return data


def _unreadable(error: json.JSONDecodeError, raw: bytes) -> str:
    if not raw.strip():
        return "The body is empty; send a JSON object: {…}."
    if raw.startswith(codecs.BOM_UTF8):
        return "The body begins with a byte order mark; leave out those three bytes."
    place = f"at line {error.lineno}, column {error.colno}"
    return f"The body is not JSON: {error.msg} {place}; mend it there, or send what a JSON library writes."


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        detail = f"The key {json.dumps(twice[:100])} stands twice in one object; remove one."
        raise Refused("duplicate_key", detail, status=400)
    return found


def _no_constant(name: str) -> Any:
    raise Refused(
        "invalid_json", f"The body holds {name}, which is not JSON; use a number or null.", status=400
    )


def _float(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise _number_too_large(text)
    return number


def _integer(text: str) -> int:
    # Python refuses to read thousands of digits, and PostgreSQL's bigint ends here.
    if len(text) > len(str(LARGEST_INTEGER)) + 1 or abs(int(text)) > LARGEST_INTEGER:
        raise _number_too_large(text)
    return int(text)


def _number_too_large(text: str) -> Refused:
    return Refused("number_too_large", f"The number {text[:30]} is too large; use a smaller one.", status=400)


def _too_deep() -> Refused:
    return Refused("nested_too_deep", f"The body nests deeper than {DEEPEST} levels; flatten it.", status=400)


def _inspect(value: Any, depth: int) -> None:
    if depth > DEEPEST:
        raise _too_deep()
    if isinstance(value, str):
        if _UNCLEAN.search(value):
            detail = "A text holds \\u0000 or half of a surrogate pair; remove it."
            raise Refused("invalid_text", detail, status=400)
    elif isinstance(value, dict):
        for key, entry in value.items():
            _inspect(key, depth)
            _inspect(entry, depth + 1)
    elif isinstance(value, list):
        for entry in value:
            _inspect(entry, depth + 1)
