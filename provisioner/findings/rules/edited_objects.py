"""Objects of the platform that somebody else changed or took away."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from provisioner.findings.rules.base import Audience, Finding, Kind, Look, Rule, Severity
from provisioner.modules.drift import differences
from provisioner.runtimes.inside import ObjectRef

_US = "nesoi"  # the field manager under which drivers apply
_SHOWN = 5
_REMEDY = "Nesoi sets it back by itself. Change the module's settings instead, and stop whatever else writes to this object."


def check(look: Look) -> Iterable[Finding]:
    """Yield what of our own words is not so; what others added stays theirs."""
    live = {
        ref: there for kind in {_kind(one) for one in look.wanted} for ref, there in look.each(Kind(*kind))
    }
    for wanted in look.wanted:
        ref = ObjectRef.of(wanted)
        there = live.get(ref)
        if there is None and Kind(ref.api_version, ref.kind) in look.cut:
            continue
        if found := differences(wanted, there):
            yield Finding(ref, Severity.WARNING, _sentence(ref, found, there), _REMEDY, Audience.SRE)


def _kind(document: Mapping[str, Any]) -> tuple[str, str]:
    return document["apiVersion"], document["kind"]


def _sentence(ref: ObjectRef, found: list[str], there: Mapping[str, Any] | None) -> str:
    if there is None:
        return f"{ref} of the platform is missing."
    fields = [one.rpartition(": ")[2] for one in found]
    more = f" and {len(fields) - _SHOWN} more" if len(fields) > _SHOWN else ""
    who = _last_writer(there)
    return (
        f"{ref} of the platform was changed{f' by {who}' if who else ''}: {', '.join(fields[:_SHOWN])}{more}."
    )


def _last_writer(there: Mapping[str, Any]) -> str:
    entries = there["metadata"].get("managedFields") or ()
    others = [one for one in entries if one.get("manager") != _US and not one.get("subresource")]
    newest = max(others, key=lambda one: str(one.get("time", "")), default=None)
    return str(newest.get("manager", ""))[:60] if newest else ""


rule = Rule(
    "Edited platform objects",
    "What the platform put into a runtime must be as the release says: nobody tested anything else.",
    (),
    check,
)
