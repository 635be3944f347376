"""Whose look is due, and what it found."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib.postgres.functions import TransactionNow as Now
from django.db import connection, transaction
from django.db.models import Case, F, Value, When
from django.db.models.functions import Least

from controlplane.kernel.ids import uuid7
from provisioner.findings import queries
from provisioner.findings.looking import Found
from provisioner.findings.models import Check, Finding, FindingWaiver
from provisioner.findings.rules.registry import all_rules

LONGEST = 1000  # characters of a sentence
RARELY = 4  # rounds between two looks, at most
SOON = timedelta(minutes=5)  # to the next look at what keeps an upgrade back
ASKED = timedelta(seconds=30)  # between two tries of a look that somebody asked for
PATIENCE = timedelta(hours=20)  # for as long after it was asked for: an upgrade may take that long


def enrol(most: int, *, everyone: bool = False) -> int:
    """Begin to look at runtimes that became ready lately, or ever, and soon again at what changed; return how many are new."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.RENEW, _pace(most))
        cursor.execute(queries.ENROL_ALL if everyone else queries.ENROL, _pace(most))
        return int(cursor.rowcount)


def claim(most: int) -> list[UUID]:
    """Return runtimes whose look is due, and put the next one off by a round."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(queries.CLAIM, _pace(most))
        return [row[0] for row in cursor.fetchall()]


def come_again(runtime_id: UUID, *, after: timedelta, problem: str = "") -> None:
    """Look at this one again soon: now it could not be.

    A look that was asked for, and that only waits for what is under way, is not put off for as long.
    """
    soon = after if problem else min(after, ASKED)
    due = Case(When(asked_at__gt=Now() - PATIENCE, then=Now() + soon), default=Now() + after)
    Check.objects.filter(pk=runtime_id).update(due_at=due, problem=problem[:300])


def forget(runtime_id: UUID) -> None:
    """Drop what was found of a runtime that is gone."""
    with transaction.atomic():
        for model in (Finding, FindingWaiver, Check):
            model.objects.filter(runtime=runtime_id).delete()


def write(runtime_id: UUID, found: Found, *, began_at: datetime) -> tuple[int, int]:
    """Make the rows say what a look found; return how many were written and how many went.

    A look that was asked for once this one had begun is still to come.
    """
    with transaction.atomic():
        written, gone = _say(runtime_id, found)
        seen: dict[str, Any] = {"looked_at": Now(), "partial": _unseen(found), "problem": ""}
        nothing = not (written or gone or any(found.findings.values()))
        checks = Check.objects.filter(pk=runtime_id)
        checks.filter(asked_at__lte=began_at).update(asked_at=None)
        checks.filter(asked_at=None).update(
            **seen, **_next(nothing, whole=all_rules().keys() <= found.findings.keys())
        )
        checks.exclude(asked_at=None).update(**seen, quiet=0, due_at=Now())
    return written, gone


def write_some(runtime_id: UUID, found: Found) -> None:
    """Make the rows of the rules that were looked for say what was found; the others', and the next look, stay as they are."""
    with transaction.atomic():
        _say(runtime_id, found)


def come_soon(runtime_id: UUID) -> None:
    """Look again soon at what keeps an upgrade back, however quiet it was here before: what was mended is to be seen."""
    if Check.objects.filter(pk=runtime_id).update(quiet=0, due_at=Least(F("due_at"), Now() + SOON)):
        return
    first = Check(runtime_id=runtime_id, due_at=Now() + SOON)
    Check.objects.bulk_create([first], ignore_conflicts=True)


def _say(runtime_id: UUID, found: Found) -> tuple[int, int]:
    rows = json.dumps(_rows(found))
    params: dict[str, Any] = {"runtime": runtime_id, "partial": _unseen(found), "rows": rows}
    with connection.cursor() as cursor:
        cursor.execute(queries.WRITE, params)
        written, gone = cursor.fetchone()
    return int(written), int(gone)


def _unseen(found: Found) -> list[str]:
    """Return the rules that did not see everything, or were not looked for: what they found before stands."""
    return sorted(found.partial | (all_rules().keys() - found.findings.keys()))


def _rows(found: Found) -> list[dict[str, str]]:
    return [
        {
            "id": str(uuid7()),
            "rule": rule,
            "api_version": one.object.api_version,
            "kind": one.object.kind,
            "namespace": one.object.namespace,
            "name": one.object.name,
            "severity": one.severity.value,
            "audience": one.audience.value,
            "sentence": one.sentence[:LONGEST],
            "remedy": one.remedy[:LONGEST],
            "from_version": one.from_version,
        }
        for rule, findings in found.findings.items()
        for one in findings
    ]


def _next(nothing: bool, *, whole: bool) -> dict[str, Any]:
    """Return what a look changes of when the next one comes; the claim has put that off as if it found nothing."""
    if nothing and not whole:
        return {}
    if nothing:
        return {"quiet": Least(F("quiet") + 1, Value(RARELY))}
    return {"quiet": 0, "due_at": Least(F("due_at"), Now() + timedelta(seconds=settings.FINDINGS_SECONDS))}


def _pace(most: int) -> dict[str, Any]:
    return {"round": timedelta(seconds=settings.FINDINGS_SECONDS), "most": most, "rarely": RARELY}
