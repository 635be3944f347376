"""What a draft would do, as it looked when it was made or when somebody asked last: kept, so that its page costs nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from provisioner.rollouts.estimate import Estimate
from provisioner.rollouts.models import Rollout
from provisioner.rollouts.permitted import may_manage, the_rollout
from provisioner.rollouts.previewing import Left, Preview, StagePreview, preview_rollout
from provisioner.rollouts.states import RolloutState


@dataclass(frozen=True)
class Kept:
    """A preview, and when things stood so."""

    preview: Preview
    at: datetime


def kept_preview(rollout: Rollout) -> Kept | None:
    """Return what a draft would have done then; None for one of which nothing is kept, and for what has begun."""
    if rollout.state != RolloutState.DRAFT or rollout.preview is None or rollout.previewed_at is None:
        return None
    return Kept(preview_from(rollout.preview), rollout.previewed_at)


def preview_again(*, actor: Actor, rollout_id: UUID) -> Kept:
    """Keep and return what a draft would do now; its state stays, and nothing else is written.

    Raises Refused forbidden 403, rollout_not_found 404, rollout_not_draft 409, and as a start would.
    """
    may_manage(actor)
    rollout = the_rollout(actor, rollout_id)
    made = preview_rollout(
        actor=actor, release=rollout.release_key, selector=rollout.selector, plan=rollout.plan,
        urgent=rollout.urgent, overlap=rollout.overlap,
    )  # fmt: skip
    now = utcnow()
    drafts = Rollout.objects.filter(pk=rollout.pk, state=RolloutState.DRAFT)
    if not drafts.update(preview=as_kept(made), previewed_at=now):
        detail = "The rollout is no draft any more; its page says how far it is."
        raise Refused("rollout_not_draft", detail, status=409)
    return Kept(made, now)


def as_kept(preview: Preview) -> dict[str, Any]:
    """Return a preview as JSON."""
    kept: dict[str, Any] = json.loads(json.dumps(preview, default=_plain))
    return kept


def preview_from(kept: Mapping[str, Any]) -> Preview:
    """Return the preview that `as_kept` made this of."""
    finish, latest = kept["finish"], kept["latest_window"]
    moments = {name: datetime.fromisoformat(finish[name]) for name in ("low", "likely", "high")}
    return Preview(
        **{
            **kept,
            "stages": [StagePreview(**{**one, "revenue": _money(one["revenue"])}) for one in kept["stages"]],
            "revenue": _money(kept["revenue"]),
            "latest_window": datetime.fromisoformat(latest) if latest else None,
            "ineligible": [Left(**one) for one in kept["ineligible"]],
            "finish": Estimate(**moments, bound_by=finish["bound_by"]),
        }
    )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, Decimal) else vars(value)


def _money(kept: Mapping[str, str]) -> dict[str, Decimal]:
    return {currency: Decimal(amount) for currency, amount in kept.items()}
