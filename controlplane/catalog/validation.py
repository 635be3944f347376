"""The one gate for parameters: the plan's schema, then the rules beyond it, every fault reported at once."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from controlplane.catalog.parameters import Parameters, fill
from controlplane.catalog.plans import PlanFacts
from controlplane.catalog.rules import check_rules
from controlplane.catalog.schema import IMMUTABLE, PARAMETERS, plan_schema
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.sentences import Fault, find_faults, named, shown

ROOT = "parameters"
_schemas: dict[tuple[str, bool], tuple[PlanFacts, Mapping[str, Any]]] = {}
SPELLED_OUT = 5  # faults that the summary names; all of them are in `errors`


def check_parameters(facts: PlanFacts, parameters: Mapping[str, Any], *, seed: str = "") -> Parameters:
    """Parameters of a new runtime, with every default; `seed` (its id) spreads single zones.

    Raises Refused with all faults, `plan_retired` where the plan takes no new runtimes.
    """
    if facts.state != "active":
        raise Refused(
            "plan_retired", f"Plan {facts.key} takes no new runtimes; choose another plan.", field="plan"
        )
    _refuse(_schema_errors(facts, parameters, for_update=False))
    filled = fill(facts, parameters, seed=seed)
    _refuse(check_rules(facts, filled))
    return filled


def check_update(
    facts: PlanFacts, old: Mapping[str, Any], new: Mapping[str, Any], *, seed: str = ""
) -> Parameters:
    """Parameters after a PATCH: each parameter in `new` replaces the old one, lists whole; null takes it back.

    `old` is what `Parameters.as_json` returned, or what was once accepted. An immutable parameter may be
    repeated but not changed. Raises Refused with all faults.
    """
    before = fill(facts, old, seed=seed)
    stored = before.as_json()
    if not isinstance(new, Mapping):
        _refuse(_schema_errors(facts, new, for_update=True))
    changes = {key: value for key, value in new.items() if not (key in stored and _same(stored[key], value))}
    fixed = [
        error for key in IMMUTABLE if key in changes for error in _immutable(key, stored, changes.pop(key))
    ]
    _refuse([*fixed, *_schema_errors(facts, changes, for_update=True)])
    after = fill(facts, {**stored, **changes}, seed=seed)
    # What was accepted once stays acceptable: a catalog that moved on must not block an unrelated change.
    accepted = set(check_rules(facts, before))
    _refuse([*_pool_errors(before, after), *(e for e in check_rules(facts, after) if e not in accepted)])
    return after


def check_plan_change(
    present: PlanFacts, wanted: PlanFacts, old: Mapping[str, Any], new: Mapping[str, Any], *, seed: str = ""
) -> Parameters:
    """Parameters of a runtime that moves to another plan: what was chosen stays, what its plan had fixed becomes the new one's.

    Region, networks and zones stay: a standing cluster can't move. Raises Refused with all faults, `plan_retired`, and
    `plan_change_unsupported` between providers or where the new plan fixes something otherwise than it was chosen.
    """
    if (present.provider, present.landscape_kind) != (wanted.provider, wanted.landscape_kind):
        detail = f"A runtime of plan {present.key} can't become one of plan {wanted.key}: another provider builds it."
        raise Refused("plan_change_unsupported", f"{detail} Create a new runtime.", field="plan")
    if wanted.state != "active":
        raise Refused(
            "plan_retired", f"Plan {wanted.key} takes no new runtimes; choose another plan.", field="plan"
        )
    stored = fill(present, old, seed=seed).as_json()
    changes = dict(new)
    _refuse(
        [error for key in IMMUTABLE if key in changes for error in _immutable(key, stored, changes.pop(key))]
    )
    kept = {key: stored[key] for key in stored if present.takes(key) and wanted.takes(key)}
    given = {key: value for key, value in {**kept, **changes}.items() if value is not None}
    _refuse(_schema_errors(wanted, given, for_update=False))
    standing = {"networking": stored["networking"], "zones": stored["zones"]}
    filled = fill(wanted, {**given, **standing}, seed=seed)
    after = filled.as_json()
    lost = [
        key for key in stored if present.takes(key) and not wanted.takes(key) and stored[key] != after[key]
    ]
    if lost:
        named_lost = ", ".join(f"{ROOT}.{key}" for key in lost)
        detail = f"Plan {wanted.key} fixes {named_lost} otherwise than this runtime has it; keep plan {present.key}."
        raise Refused("plan_change_unsupported", detail, field="plan")
    _refuse(check_rules(wanted, filled))
    return filled


def _schema_of(facts: PlanFacts, *, for_update: bool) -> Mapping[str, Any]:
    """The plan's schema, drawn once for as long as the plan's facts are the same object."""
    kept = _schemas.get((facts.key, for_update))
    if kept is None or kept[0] is not facts:
        kept = _schemas[facts.key, for_update] = (facts, plan_schema(facts, for_update=for_update))
    return kept[1]


def _schema_errors(facts: PlanFacts, parameters: Any, *, for_update: bool) -> list[FieldError]:
    faults = find_faults(_schema_of(facts, for_update=for_update), parameters, root=ROOT)
    return [FieldError(named(ROOT, fault.path), fault.code, _detail(facts, fault)) for fault in faults]


def _detail(facts: PlanFacts, fault: Fault) -> str:
    key = fault.path[0] if len(fault.path) == 1 else None
    if fault.code == "unknown_field" and key in PARAMETERS:
        return f"{ROOT}.{key} is fixed by plan {facts.key}; leave it out, or choose a plan that offers it."
    return fault.detail


def _same(first: Any, second: Any) -> bool:
    # By their JSON, since Python holds True and 1 for equal.
    return json.dumps(first, sort_keys=True) == json.dumps(second, sort_keys=True)


def _immutable(key: str, stored: Mapping[str, Any], wanted: Any) -> Iterable[FieldError]:
    # A part of an object that repeats what is stored changes nothing.
    partial = isinstance(wanted, Mapping) and wanted.items() <= stored[key].items()
    if not partial:
        detail = f"{ROOT}.{key} can't be changed from {shown(stored[key])}; leave it out."
        yield FieldError(f"{ROOT}.{key}", "immutable_field", detail)


def _pool_errors(before: Parameters, after: Parameters) -> Iterable[FieldError]:
    known = {pool.name: pool for pool in before.additional_pools}
    for index, pool in enumerate(after.additional_pools):
        if pool.name in known and pool.ha_zones != known[pool.name].ha_zones:
            field = f"{ROOT}.additionalWorkerNodePools.{index}.haZones"
            detail = f"{field} can't be changed; add a pool of another name and remove {pool.name}."
            yield FieldError(field, "immutable_field", detail)


def _refuse(errors: Sequence[FieldError]) -> None:
    """Raise Refused with the first fault's code and every fault's sentence."""
    if errors:
        detail = " ".join(error.detail for error in errors[:SPELLED_OUT])
        left = len(errors) - SPELLED_OUT
        more = f" And {left} more." if left > 0 else ""
        raise Refused(errors[0].code, detail + more, field=errors[0].field, errors=errors)
