"""Refusals in the broker's own words: a status of the specification, `error` in one word, `description` for people. Pure."""

from __future__ import annotations

from controlplane.kernel.errors import Refused

# The four that the specification spells; every other code of ours is turned into one word.
SPELLED = {
    "async_required": "AsyncRequired",
    "concurrency_error": "ConcurrencyError",
    "requires_app": "RequiresApp",
    "maintenance_info_conflict": "MaintenanceInfoConflict",
}
# Of an update: what the runtime or its plan can't become, as opposed to what nobody can read.
UNSUPPORTED = frozenset(
    {
        "immutable_field",
        "plan_change_unsupported",
        "plan_retired",
        "channel_downgrade",
        "channel_skips_a_minor",
        "upgrade_unsupported",
        "instance_not_usable",
        "organization_changed",
    }
)
_UNPROCESSABLE, _CONFLICT = 422, 409


def malformed(detail: str, *, field: str = "") -> Refused:
    """Something is missing or has the wrong shape: 400."""
    return Refused("malformed_request", detail, field=field, status=400)


def async_required() -> Refused:
    """The platform can't wait, and building a cluster takes minutes: 422."""
    detail = "This service works asynchronously: send accepts_incomplete=true and ask for the last operation."
    return Refused("async_required", detail, status=_UNPROCESSABLE)


def busy(
    detail: str = "Another operation is in progress on this instance; try again when it has ended.",
) -> Refused:
    """Something else is under way: 422."""
    return Refused("concurrency_error", detail, status=_UNPROCESSABLE)


def conflict(detail: str) -> Refused:
    """The id is taken by something else: 409."""
    return Refused("conflict", detail, status=_CONFLICT)


def not_found(what: str) -> Refused:
    """There is no such thing: 404."""
    return Refused("not_found", f"There is no such {what}.", status=404)


def error_word(code: str) -> str:
    """Return the one word of a code."""
    return SPELLED.get(code) or "".join(part.capitalize() for part in code.split("_"))


def status_of(refusal: Refused, *, method: str) -> int:
    """Return the status that the specification has for it: our own 422 for unreadable parameters is its 400.

    A runtime that is being deleted by somebody else is its ConcurrencyError.
    """
    if refusal.status == _UNPROCESSABLE and refusal.code not in {*SPELLED, "binding_limit_reached"}:
        return _UNPROCESSABLE if method == "PATCH" and refusal.code in UNSUPPORTED else 400
    # A 409 would say that the id is taken by something else.
    if refusal.code in {"runtime_deprovisioning", "runtime_not_ready", "cluster_missing"}:
        return _UNPROCESSABLE
    return refusal.status


def word_of(refusal: Refused) -> str:
    """Return the word of a refusal, whichever room refused."""
    if refusal.code in {"runtime_deprovisioning", "runtime_not_ready"}:
        return SPELLED["concurrency_error"]
    return error_word(refusal.code)
