"""Label and field selectors, as list and watch requests write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from provisioner.simulator.errors import bad_request

Labels = Mapping[str, str]
LabelTest = Callable[[Labels], bool]
_SET = re.compile(r"^\s*(\S+)\s+(in|notin)\s*\(([^)]*)\)\s*$")
_TERMS = re.compile(r",(?![^(]*\))")
_KEY = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9./_-]*[A-Za-z0-9])?$")


def _key(text: str, selector: str) -> str:
    key = text.strip()
    if not _KEY.match(key):
        raise bad_request(f"unable to parse requirement: invalid label key in selector {selector!r}")
    return key


def _term(term: str, selector: str) -> LabelTest:
    matched = _SET.match(term)
    if matched:
        key, values = (
            _key(matched.group(1), selector),
            {part.strip() for part in matched.group(3).split(",")},
        )
        if matched.group(2) == "in":
            return lambda labels: labels.get(key) in values
        return lambda labels: labels.get(key) not in values
    if "!=" in term:
        left, _, right = term.partition("!=")
        name, unwanted = _key(left, selector), right.strip()
        return lambda labels: labels.get(name) != unwanted
    if "=" in term:
        left, _, right = term.replace("==", "=", 1).partition("=")
        name, wanted = _key(left, selector), right.strip()
        return lambda labels: labels.get(name) == wanted
    if term.strip().startswith("!"):
        name = _key(term.strip()[1:], selector)
        return lambda labels: name not in labels
    name = _key(term, selector)
    return lambda labels: name in labels


def parse_labels(selector: str) -> LabelTest | None:
    """Return a test over labels, None for an empty selector; raises 400 when it cannot be read."""
    if not selector.strip():
        return None
    tests = [_term(term, selector) for term in _TERMS.split(selector)]
    return lambda labels: all(test(labels) for test in tests)


def label_selector(selector: Mapping[str, Any] | None) -> LabelTest:
    """Return a test for a LabelSelector object; an absent one matches nothing, an empty one everything."""
    if selector is None:
        return lambda labels: False
    terms = [f"{key}={value}" for key, value in (selector.get("matchLabels") or {}).items()]
    for each in selector.get("matchExpressions") or []:
        key, operator, values = each["key"], each["operator"], ",".join(each.get("values") or [])
        terms.append(
            {
                "In": f"{key} in ({values})",
                "NotIn": f"{key} notin ({values})",
                "Exists": key,
                "DoesNotExist": f"!{key}",
            }[operator]
        )
    test = parse_labels(",".join(terms))
    return test or (lambda labels: True)


FieldTerm = tuple[tuple[str, ...], bool, str]


def parse_fields(selector: str) -> list[FieldTerm]:
    """Return (path, equal, value) for each term; raises 400 when it cannot be read."""
    terms: list[FieldTerm] = []
    for term in filter(None, (part.strip() for part in selector.split(","))):
        operator = "!=" if "!=" in term else "=="
        left, found, right = term.replace("==", "=").partition("!=" if operator == "!=" else "=")
        if not found:
            raise bad_request(f"invalid selector: {selector!r}; can't understand {term!r}")
        terms.append((tuple(left.strip().split(".")), operator == "==", right.strip()))
    return terms


def field_value(document: Mapping[str, Any], path: tuple[str, ...]) -> str:
    """Return the value at a path as the string a field selector compares with."""
    value: Any = document
    for part in path:
        if not isinstance(value, Mapping):
            return ""
        value = value.get(part)
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
