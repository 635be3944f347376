"""What keeps somebody from a trial now, whatever held when they asked: between sign-up, confirmation and place days may pass."""

from __future__ import annotations

from controlplane.kernel.errors import Refused
from controlplane.trials.addresses import read_address
from controlplane.trials.blocklist import Asker, is_blocked
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.offer import check_region
from controlplane.trials.states import Reason

CLOSED = {"trials_closed": Reason.TRIALS_CLOSED}


def hindrance_of(row: SignUp) -> Reason | None:
    """Return why this sign-up can't become a trial any more."""
    if is_blocked(Asker(read_address(row.email), row.company, row.address)):
        return Reason.NOT_ELIGIBLE
    try:
        check_region(row.region)
    except Refused as refusal:
        return CLOSED.get(refusal.code, Reason.REGION_CLOSED)
    return None


def end_of_waiting(trial: Trial) -> Reason | None:
    """Return why a waiting trial can never begin; a region or an offer that is closed now may open again."""
    if trial.tenant.closed_at is not None:
        return Reason.TENANT_CLOSED
    row = SignUp.objects.filter(trial=trial).first()
    client = row.address if row is not None else ""
    if is_blocked(Asker(read_address(trial.email), trial.company, client)):
        return Reason.NOT_ELIGIBLE
    return None
