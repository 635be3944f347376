"""Forget the person of a trial that was over long ago: a keyed hash stays, and the audit trail, which never knew the address."""

from __future__ import annotations

from datetime import datetime

from django.db.models import Q

from controlplane.identity.models import Identity, UserSession
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import short_name
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM
from controlplane.tenants.closing import close_tenant
from controlplane.tenants.models import Member, User
from controlplane.trials.bounds import was_granted_more
from controlplane.trials.models import LIVE_STAGES, SignInLink, SignUp, Trial
from controlplane.trials.states import Stage
from controlplane.trials.terms import terms


def forget_person(trial: Trial, now: datetime) -> None:
    """Close the tenant that nobody uses any more and take name and address from its owner.

    Whoever has another trial, another tenant or a role of the platform stays known, and so does the owner of a tenant that was
    granted more, or in which something lives; that one is looked at again later.
    """
    if not _is_needed(trial):
        try:
            close_tenant(actor=SYSTEM, tenant_id=trial.tenant_id)
        except Refused:  # something of it lives: people granted it more
            Trial.objects.filter(pk=trial.pk).update(next_at=now + terms().tombstone)
            return
        _forget(trial.owner)
    SignUp.objects.filter(trial=trial).update(email="", address="", network="", domain="", organisation="")
    Trial.objects.filter(pk=trial.pk).update(next_at=None, organisation="", problem="", failures=0)


def _is_needed(trial: Trial) -> bool:
    others = Trial.objects.filter(owner=trial.owner_id).exclude(pk=trial.pk)
    newer = others.filter(Q(stage__in=[*LIVE_STAGES, Stage.CONVERTED]) | Q(next_at__isnull=False))
    elsewhere = Member.objects.filter(user=trial.owner_id).exclude(tenant=trial.tenant_id)
    kept = bool(trial.owner.platform_role) or was_granted_more(trial.tenant)
    return kept or newer.exists() or elsewhere.exists()


def _forget(person: User) -> None:
    SignInLink.objects.filter(user=person).delete()
    Identity.objects.filter(user=person).delete()
    UserSession.objects.filter(user=person).delete()
    person.username, person.email, person.is_active = f"gone-{short_name(12)}", "", False
    person.first_name = person.last_name = ""
    person.set_unusable_password()
    person.save()
    audit.record("user.forget", actor=SYSTEM, tenant_id=None, target_type="user", target_id=person.id)
