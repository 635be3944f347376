"""What label selectors select. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from provisioner.modules.sources.reading import entries, inner, texts


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Say whether a selector takes what has these labels; an empty one takes everything."""
    if any(labels.get(key) != value for key, value in inner(selector, "matchLabels").items()):
        return False
    return all(_holds(one, labels) for one in entries(selector, "matchExpressions"))


def _holds(one: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = str(one.get("key")), texts(one, "values")
    match one.get("operator"):
        case "In":
            return labels.get(key) in values
        case "NotIn":
            return labels.get(key) not in values
        case "Exists":
            return key in labels
        case _:
            return key not in labels


def asked_labels(selector: Mapping[str, Any]) -> list[tuple[str, list[str]]]:
    """Return the labels that a selector asks for, each with the values that do, none where any does."""
    asked = [(name, [str(value)]) for name, value in inner(selector, "matchLabels").items()]
    return asked + [
        (str(one.get("key")), texts(one, "values"))
        for one in entries(selector, "matchExpressions")
        if one.get("operator") in ("In", "Exists")
    ]
