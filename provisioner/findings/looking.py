"""One bounded look at a runtime's own API, and what the rules find in it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from provisioner.findings.rules.base import Finding, Kind, Look, Rule
from provisioner.findings.rules.registry import all_rules
from provisioner.runtimes.inside import ClusterApi, Json, ObjectRef

MOST = 2000  # objects of one kind: a runtime with more is judged by these, and is said to be
MOST_OF_A_RULE = 100  # findings that are kept of one rule and runtime


@dataclass(frozen=True)
class Found:
    """What one look found, by rule; `partial` are the rules that did not see everything, or found more than is kept."""

    findings: Mapping[str, tuple[Finding, ...]]
    partial: frozenset[str] = frozenset()


def look(
    api: ClusterApi,
    *,
    at: datetime,
    kubernetes_version: str,
    wanted: Sequence[Json],
    kept: Iterable[ObjectRef] = (),
    most: int = MOST,
    rules: Mapping[str, Rule] | None = None,
) -> Look:
    """Read every kind that a rule or an object of ours needs: one list each, of no more than `most` objects.

    With `rules` only what these need is read.
    """
    kinds = {kind for rule in (all_rules() if rules is None else rules).values() for kind in rule.reads}
    if rules is None:
        kinds |= {Kind(document["apiVersion"], document["kind"]) for document in wanted}
    objects: dict[Kind, Sequence[Json]] = {}
    for kind in sorted(kinds):
        objects[kind] = api.list(*kind, most=most + 1)
    cut = frozenset(kind for kind, found in objects.items() if len(found) > most)
    shown = {kind: found[:most] for kind, found in objects.items()}
    return Look(at, kubernetes_version, shown, tuple(wanted), frozenset(kept), cut)


def judge(seen: Look, rules: Mapping[str, Rule] | None = None) -> Found:
    """Return what the rules find; one finding for each object and rule."""
    findings: dict[str, tuple[Finding, ...]] = {}
    partial: set[str] = set()
    for key, rule in (all_rules() if rules is None else rules).items():
        found = {one.object: one for one in rule.check(seen)}
        findings[key] = tuple(found[ref] for ref in sorted(found)[:MOST_OF_A_RULE])
        if len(found) > MOST_OF_A_RULE or seen.cut & set(rule.reads or seen.objects):
            partial.add(key)
    return Found(findings, frozenset(partial))
