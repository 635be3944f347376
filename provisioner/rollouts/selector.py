"""Which runtimes a rollout is for: `plan=aws region=eu-*,us-east-1 tenant!=archipel label.tier=gold kubernetes<1.35 cohort=10%`.

Pure. Terms are joined by “and”, the values of one term by “or”; `*` stands for any text; `all` alone selects everything.
"""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from uuid import UUID

from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices, shown

KEYS = (
    "account", "channel", "cohort", "kubernetes", "label.<key>", "landscape", "name", "plan", "region", "release", "tenant",
)  # fmt: skip
ORDERED = frozenset({"kubernetes", "release"})  # compared number by number
ALL = "all"
LABEL = "label."
LONGEST, MOST_TERMS, MOST_VALUES = 2000, 20, 200
WHOLE = 100  # percent
_TERM = re.compile(r"^([A-Za-z][A-Za-z0-9_.\-/]*)(!=|<=|>=|=|<|>)(.*)$", re.DOTALL)
_VERSION = re.compile(r"^\d{1,6}(\.\d{1,6}){0,3}$")


@dataclass(frozen=True)
class Member:
    """What is known of one runtime when a rollout is planned."""

    runtime_id: UUID
    tenant_id: UUID
    tenant: str  # slug
    account: str  # slug
    name: str
    plan: str
    region: str
    landscape: str
    landscape_id: UUID
    channel: str
    release: str
    kubernetes: str
    labels: Mapping[str, str] = field(default_factory=dict)
    healthy: bool = True
    pinned: str = ""  # to this release
    suspended: bool = False
    unbuilt: bool = False  # was never ready
    architectures: tuple[str, ...] = ()  # of its nodes

    def value(self, key: str) -> str | None:
        """Return what a term of that key compares; None where there is nothing."""
        if key.startswith(LABEL):
            return self.labels.get(key.removeprefix(LABEL))
        return str(getattr(self, key))


@dataclass(frozen=True)
class Term:
    """One condition."""

    key: str
    sign: str  # = != < <= > >=
    values: tuple[str, ...]

    def holds(self, member: Member) -> bool:
        """Whether the member meets it."""
        if self.key == "cohort":
            return cohort_of(member.runtime_id) < percent(self.values[0]) * 100
        value = member.value(self.key)
        if self.sign in {"=", "!="}:
            return self._is(value) is (self.sign == "=")
        if value is None or not _VERSION.match(value):
            return False
        return _compares(self.sign, value, self.values[0])

    def _is(self, value: str | None) -> bool:
        """Whether it is one of the values; of Kubernetes 1.34 means every patch of it, as where versions are compared."""
        if value is None:
            return False
        minor = self.key == "kubernetes"
        return any(
            fnmatchcase(value, one) or (minor and fnmatchcase(value, f"{one}.*")) for one in self.values
        )


@dataclass(frozen=True)
class Selector:
    """Every term must hold."""

    text: str
    terms: tuple[Term, ...]

    def matches(self, member: Member) -> bool:
        """Whether the member is selected."""
        return all(term.holds(member) for term in self.terms)


def cohort_of(runtime_id: UUID, salt: str = "") -> int:
    """Return a runtime's place from 0 to 9999, the same for ever: a cohort of 20 % holds that of 10 %."""
    digest = hashlib.sha256(salt.encode() + runtime_id.bytes).digest()
    return int.from_bytes(digest[:8], "big") % 10_000


def percent(text: str) -> float:
    """Return the number in “10%” or “10”."""
    return float(text.removesuffix("%"))


def parse_selector(text: str, known: Mapping[str, Collection[str]] | None = None) -> Selector:
    """Return the selector; `known` holds the values that exist, by key (labels: their keys under `label`).

    Raises Refused selector_empty, selector_malformed, selector_unknown_key, selector_unknown_value, percent_over_100.
    """
    if not text.strip():
        raise _refused(
            "selector_empty", "Say which runtimes, for example plan=aws; write all for every runtime."
        )
    if len(text) > LONGEST:
        raise _refused(
            "selector_malformed", f"A selector has at most {LONGEST} characters; use labels or a glob."
        )
    if text.strip() == ALL:
        return Selector(ALL, ())
    try:
        words = shlex.split(text)
    except ValueError as error:
        raise _refused("selector_malformed", "A quotation mark in the selector is not closed.") from error
    if len(words) > MOST_TERMS:
        raise _refused("selector_malformed", f"A selector has at most {MOST_TERMS} terms.")
    return Selector(" ".join(text.split()), tuple(_term(word, known or {}) for word in words))


def _term(word: str, known: Mapping[str, Collection[str]]) -> Term:
    found = _TERM.match(word)
    if not found:
        detail = (
            f"{shown(word)} is no term. Write key=value, for example region=eu-central-1, or all by itself."
        )
        raise _refused("selector_malformed", detail)
    key, sign, rest = found.groups()
    values = tuple(value for value in rest.split(",") if value)
    if not values or len(values) > MOST_VALUES:
        raise _refused("selector_malformed", f"{shown(word)} needs 1 to {MOST_VALUES} values behind {sign}.")
    term = Term(key, sign, values)
    _check_key(key, known)
    if key == "cohort":
        _check_cohort(term)
    elif sign not in {"=", "!="}:
        _check_order(term)
    else:
        _check_values(term, known)
    return term


def _check_key(key: str, known: Mapping[str, Collection[str]]) -> None:
    if key.startswith(LABEL):
        labels = known.get("label")
        if labels is not None and key.removeprefix(LABEL) not in labels:
            detail = f"No runtime has the label {shown(key.removeprefix(LABEL))}. "
            raise _refused(
                "selector_unknown_value", detail + choices(sorted(labels), key.removeprefix(LABEL))
            )
    elif key not in KEYS:
        raise _refused(
            "selector_unknown_key", f"{shown(key)} is nothing to select by. {choices(list(KEYS), key)}"
        )


def _check_cohort(term: Term) -> None:
    if (
        term.sign not in {"=", "<="}
        or len(term.values) > 1
        or not re.fullmatch(r"\d{1,6}(\.\d{1,2})?%?", term.values[0])
    ):
        raise _refused("selector_malformed", "Write the cohort as a percentage, for example cohort=10%.")
    if percent(term.values[0]) > WHOLE:
        raise _refused("percent_over_100", f"cohort={term.values[0]} is over 100 %; write at most 100%.")
    if percent(term.values[0]) == 0:
        raise _refused("selector_empty", "A cohort of 0 % selects nobody; write at least 0.01%.")


def _check_order(term: Term) -> None:
    if term.key not in ORDERED or len(term.values) > 1 or not _VERSION.match(term.values[0]):
        detail = f"{term.key}{term.sign} compares nothing. Only kubernetes and release are ordered, for example kubernetes<1.35."
        raise _refused("selector_malformed", detail)


def _check_values(term: Term, known: Mapping[str, Collection[str]]) -> None:
    there = known.get(term.key)
    for value in term.values if there is not None else ():
        if "*" not in value and "?" not in value and value not in (there or ()):
            raise _refused(
                "selector_unknown_value",
                f"There is no {term.key} {shown(value)}. {choices(sorted(there or ()), value)}",
            )


def _compares(sign: str, left: str, right: str) -> bool:
    """Compare versions by the parts that the term names: 1.34.8 is not above 1.34."""
    wanted = tuple(int(part) for part in right.split("."))
    given = tuple(int(part) for part in left.split("."))[: len(wanted)]
    return {"<": given < wanted, "<=": given <= wanted, ">": given > wanted, ">=": given >= wanted}[sign]


def _refused(code: str, detail: str) -> Refused:
    return Refused(code, detail, field="selector")
