"""What is said of whoever is left behind after a person had it tried again: why now, and what came to be before."""

from __future__ import annotations

from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Left

from provisioner.rollouts.states import TargetState

LONGEST, NOW, BEFORE = 500, 250, 220  # characters: of a reason, and of its two halves
BETWEEN = "; before it was tried again: "

# In the statements of the look, of a target `t`.
LAST_REASON = f"""CASE WHEN t.reason_before IN ('', t.reason) THEN t.reason
    ELSE left(t.reason, {NOW}) || '{BETWEEN}' || left(t.reason_before, {BEFORE}) END"""


def last_reason(why: Combinable) -> Case:
    """Return the same where a person ends the rollout."""
    both = Concat(Left(why, NOW), Value(BETWEEN), Left("reason_before", BEFORE))
    return Case(When(Q(reason_before="") | Q(reason_before=why), then=why), default=both)


def reason_before() -> Case:
    """Return what to keep of a target that is tried again now: of a failure its code, too.

    Who was left behind, or blocked, after another retry keeps what came to be before that one.
    """
    again = Q(state__in=[TargetState.LEFT, TargetState.BLOCKED]) & ~Q(reason_before="")
    return Case(
        When(again, then=F("reason_before")),
        When(~Q(error_code=""), then=Left(Concat("error_code", Value(": "), "reason"), LONGEST)),
        default=F("reason"),
    )
