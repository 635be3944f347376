"""Findings of runtimes, their waivers, and the fleet's groups."""

from __future__ import annotations

from typing import Any

from controlplane.api.shapes.base import (
    COUNT,
    ID,
    MAYBE_MOMENT,
    MOMENT,
    TEXT,
    Shape,
    maybe,
    page_of,
    record,
    several,
    words,
)
from controlplane.api.shapes.rollout_target import LINK, linked
from controlplane.kernel.clock import rfc3339
from provisioner.findings.models import Finding, FindingWaiver
from provisioner.findings.reading import Group, Sight, Standing
from provisioner.findings.rules.base import Audience, Severity
from provisioner.findings.rules.registry import all_rules

RULES = sorted(all_rules())
_RULE = words(RULES)
_SEVERITY = words(
    list(Severity), "`blocking`: an upgrade is refused while it stands and nobody answers for it."
)
_AUDIENCE = words(list(Audience), "Who can do something about it.")
_WHERE: dict[str, Any] = {"type": "string", "description": "As a waiver names it: Deployment shop/till."}
WAIVER = Shape(
    "FindingWaiver",
    record(
        {
            "id": ID,
            "rule": _RULE,
            "object": {"type": "string", "description": "Empty: whatever breaks the rule."},
            "owner": TEXT,
            "reason": TEXT,
            "expires_at": MOMENT,
            "created_by": TEXT,
        },
        description="Somebody answers by name for what breaks a rule in a runtime, until a day.",
    ),
)
_FINDING: dict[str, Any] = {
    "rule": _RULE,
    "severity": _SEVERITY,
    "audience": _AUDIENCE,
    "object": _WHERE,
    "sentence": TEXT,
    "remedy": TEXT,
    "from_version": {
        "type": "string",
        "description": "The Kubernetes minor whose upgrade it blocks; empty: every one.",
    },
    "since": MOMENT,
}
FINDING = Shape(
    "Finding",
    record(
        {"id": ID, "title": TEXT, **_FINDING, "waiver": maybe(WAIVER)},
        description="One object inside a runtime that breaks a rule of the platform.",
    ),
)
FINDINGS = Shape(
    "Findings",
    record(
        {
            "looked_at": {
                **MAYBE_MOMENT,
                "description": "The newest look; null: there was none, so no finding says nothing.",
            },
            "partial": {
                **several(_RULE),
                "description": "Rules that did not see everything, or were not looked for: what they found before stands.",
            },
            "problem": {"type": "string", "description": "What kept the newest look from its end."},
            "results": several(FINDING),
        },
        description="What was found in a runtime, the worst first.",
    ),
)
WAIVER_CREATE = Shape(
    "FindingWaiverCreate",
    {
        **record(
            {"rule": TEXT, "object": TEXT, "owner": TEXT, "reason": TEXT, "expires_at": MOMENT},
            optional=("object",),
        ),
        "additionalProperties": False,
    },
    {
        "rule": "unmeetable-budgets",
        "object": "PodDisruptionBudget shop/till",
        "owner": "ada@example.org",
        "reason": "moves in December",
        "expires_at": "2027-01-31T00:00:00Z",
    },
)
GROUP = Shape(
    "FindingGroup",
    record(
        {
            "rule": _RULE,
            "title": TEXT,
            "explains": TEXT,
            "severity": _SEVERITY,
            "audience": _AUDIENCE,
            "findings": COUNT,
            "runtimes": COUNT,
            "tenants": COUNT,
            "waived": {**COUNT, "description": "Findings for which somebody answers now."},
            "since": MOMENT,
        },
        description="Findings of one rule and severity, over the fleet.",
    ),
)
GROUPS = Shape("FindingGroups", record({"results": several(GROUP)}))
FLEET_FINDING = Shape(
    "FleetFinding",
    record({"id": ID, "runtime": LINK, "tenant": TEXT, **_FINDING}, description="A finding of any runtime."),
)
FLEET_FINDING_LIST = page_of(FLEET_FINDING)


def standing_json(standing: Standing) -> dict[str, Any]:
    """Return what was found in a runtime."""
    return {
        "looked_at": rfc3339(standing.looked_at) if standing.looked_at else None,
        "partial": list(standing.partial),
        "problem": standing.problem,
        "results": [_sight_json(sight) for sight in standing.sights],
    }


def _sight_json(sight: Sight) -> dict[str, Any]:
    return {
        "id": str(sight.row.pk),
        "title": sight.rule.title,
        **_finding_json(sight.row),
        "waiver": waiver_json(sight.waiver) if sight.waiver else None,
    }


def _finding_json(row: Finding) -> dict[str, Any]:
    return {
        "rule": row.rule,
        "severity": row.severity,
        "audience": row.audience,
        "object": row.place,
        "sentence": row.sentence,
        "remedy": row.remedy,
        "from_version": row.from_version,
        "since": rfc3339(row.since),
    }


def fleet_finding_json(row: Finding, *, base: str) -> dict[str, Any]:
    """Return a finding of any runtime; reads `runtime` with its `tenant`."""
    runtime = linked(row.runtime_id, row.runtime.name, base)
    return {"id": str(row.pk), "runtime": runtime, "tenant": row.runtime.tenant.slug, **_finding_json(row)}


def waiver_json(waiver: FindingWaiver) -> dict[str, Any]:
    """Return a waiver."""
    return {
        "id": str(waiver.pk),
        "rule": waiver.rule,
        "object": waiver.place,
        "owner": waiver.owner,
        "reason": waiver.reason,
        "expires_at": rfc3339(waiver.expires_at),
        "created_by": waiver.created_by,
    }


def group_json(group: Group) -> dict[str, Any]:
    """Return one group of the fleet's findings."""
    return {
        "rule": group.key,
        "title": group.rule.title,
        "explains": group.rule.explains,
        "severity": group.severity,
        "audience": group.audience,
        "findings": group.findings,
        "runtimes": group.runtimes,
        "tenants": group.tenants,
        "waived": group.waived,
        "since": rfc3339(group.since),
    }
