"""What is said of whoever is left behind: why now, and what came to be before a person ended it or had it tried again."""

from __future__ import annotations

from django.db.models import Case, F, Q, Value, When
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat, Left

from provisioner.rollouts.states import TargetState

LONGEST, NOW, BEFORE = 500, 250, 220  # characters: of a reason, and of its two halves
BETWEEN = "; before it was tried again: "
ENDED = "; before: "
EACH = 150  # characters of each, where there are three

# In the statements of the look, of a target `t`.
LAST_REASON = f"""CASE WHEN t.reason_before IN ('', t.reason) THEN t.reason
    ELSE left(t.reason, {NOW}) || '{BETWEEN}' || left(t.reason_before, {BEFORE}) END"""


def last_reason(why: Combinable) -> Case:
    """Return the same where a person ends the rollout."""
    both = Concat(Left(why, NOW), Value(BETWEEN), Left("reason_before", BEFORE))
    return Case(When(Q(reason_before="") | Q(reason_before=why), then=why), default=both)


def last_reason_at_end(words: str) -> Case:
    """Return the same of who waited until a person ended the rollout with these words, then what it waited for."""
    ended = Case(
        When(reason="", then=Value(words)),
        default=Concat(Left(Value(words), NOW), Value(ENDED), Left("reason", BEFORE)),
    )
    three = Concat(
        Left(Value(words), EACH),
        Value(ENDED),
        Left("reason", EACH),
        Value(BETWEEN),
        Left("reason_before", EACH),
    )
    again = ~Q(reason="") & ~Q(reason_before="") & ~Q(reason_before=F("reason"))
    return Case(When(again, then=three), When(reason="", then=last_reason(Value(words))), default=ended)


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
