"""What closing or aborting a rollout would leave behind, for whoever is about to do it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.prepared import rows
from provisioner.rollouts.permitted import may_read, the_rollout

# Once for each confirmation, so it may read all targets of the rollout. Rides on target_once_per_rollout and on the waivers' own
# index of those in force.
ENDS = """
SELECT count(*) FILTER (WHERE t.state = 'running')::int AS under_way,
    count(*) FILTER (WHERE t.state <> 'running')::int AS left, count(w.id)::int AS waived
FROM rollouts_target t
LEFT JOIN rollouts_waiver w ON w.runtime_id = t.runtime_id AND w.revoked_at IS NULL AND w.expires_at > now()
    AND t.state <> 'running'
WHERE t.rollout_id = %(rollout)s::uuid AND t.state NOT IN ('succeeded', 'gone')"""


@dataclass(frozen=True)
class Ends:
    """How many run and may end, how many would be left behind, and for how many of these somebody answers by name.

    Whose start is decided and not ordered is left behind, too.
    """

    under_way: int
    left: int
    waived: int

    def in_words(self) -> str:
        """Say it to whoever has to decide."""
        going = f"{self.under_way} under way may end. " if self.under_way else ""
        if not self.left:
            return f"{going}Nobody else is left behind."
        return (
            f"{going}{self.left} would be left behind: {self.waived} waived by name, {self.left - self.waived} with nobody who "
            "answers for them."
        )


def ends_of(*, actor: Actor, rollout_id: UUID) -> Ends:
    """Return what would be left if the rollout were closed now. Raises Refused 403, 404."""
    may_read(actor)
    the_rollout(actor, rollout_id)
    return Ends(**rows(ENDS, {"rollout": rollout_id})[0])
