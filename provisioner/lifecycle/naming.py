"""The rules of names and labels that tenants give. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping

from controlplane.kernel.errors import FieldError, Refused

LONGEST_NAME = 40
MOST_LABELS = 30
_NAME = re.compile(r"[a-z]([a-z0-9-]*[a-z0-9])?")
# https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#syntax-and-character-set
_LABEL_PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?")
_LABEL_PREFIX = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
OURS = "nesoi.dev"


def check_name(name: str) -> None:
    """Raise Refused unless the name can be a runtime's."""
    if len(name) > LONGEST_NAME:
        raise Refused(
            "name_too_long",
            f"name has {len(name)} characters; use at most {LONGEST_NAME}.",
            field="name",
        )
    if not _NAME.fullmatch(name):
        raise Refused(
            "name_invalid",
            "name must begin with a lower-case letter and hold only lower-case letters, digits and dashes "
            "(not at the end).",
            field="name",
        )


def check_labels(labels: Mapping[str, str]) -> None:
    """Raise Refused, with every fault, unless the labels follow Kubernetes' syntax and leave ours alone."""
    faults = [fault for key, value in labels.items() if (fault := _label_fault(key, value))]
    if len(labels) > MOST_LABELS:
        faults.append(
            FieldError("labels", "too_many_labels", f"labels holds {len(labels)}; use at most {MOST_LABELS}.")
        )
    if faults:
        raise Refused(faults[0].code, faults[0].detail, errors=faults)


def _label_fault(key: str, value: str) -> FieldError | None:
    prefix, _, last = key.rpartition("/")
    field = f"labels.{key}"
    if prefix == OURS or prefix.endswith(f".{OURS}"):
        return FieldError(
            field, "label_reserved", f"Labels under {OURS}/ are the platform's; use another prefix."
        )
    if not _LABEL_PART.fullmatch(last) or (prefix and not _LABEL_PREFIX.fullmatch(prefix)):
        return FieldError(
            field,
            "label_invalid",
            f"“{key}” can't be a label key: use up to 63 letters, digits, dots, dashes and underscores.",
        )
    if value and not _LABEL_PART.fullmatch(value):
        return FieldError(
            field,
            "label_invalid",
            f"labels.{key}: use up to 63 letters, digits, dots, dashes and underscores as its value.",
        )
    return None
