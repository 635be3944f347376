"""Open the link in the message: the address is confirmed, and a trial begins or waits."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import short_name
from controlplane.tenants import audit
from controlplane.tenants.access import SYSTEM, Actor, Role
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.tenants.models import Account, State, Tenant, User
from controlplane.tenants.services import add_member, create_account, create_tenant
from controlplane.trials.bounds import confine, was_granted_more
from controlplane.trials.hindrance import hindrance_of
from controlplane.trials.models import LIVE_STAGES, SignUp, Trial
from controlplane.trials.offer import lock_places, position_of
from controlplane.trials.secrets import digest_of
from controlplane.trials.start import ACCOUNT, start_trial, write_to
from controlplane.trials.states import Reason, SignUpState, Stage
from controlplane.trials.terms import terms

LONGEST_SLUG = 32


@dataclass(frozen=True)
class Confirmed:
    """What came of it: a trial, or a reason why there is none."""

    sign_up: SignUp
    trial: Trial | None


def find_link(token: str) -> SignUp:
    """Return the sign-up that a link belongs to; raises Refused link_invalid 410 for an unknown, used or old one."""
    with platform_scope(), transaction.atomic():
        row = SignUp.objects.filter(link_digest=digest_of(token)).first()
        if row is None or row.state != SignUpState.PENDING or row.expires_at <= utcnow():
            raise _invalid()
        return row


def begun_with(token: str) -> Trial | None:
    """Return the trial that a link began; None for one that is unknown, or began nothing."""
    with platform_scope(), transaction.atomic():
        row = SignUp.objects.filter(link_digest=digest_of(token)).select_related("trial").first()
        return row.trial if row else None


def confirm(token: str) -> Confirmed:
    """Make a trial of a sign-up, once; raises Refused link_invalid 410.

    What was true at the sign-up is asked again: whether trials and the region are open, and nobody keeps this person out.
    Everybody who confirms comes through the capacity's lock, so neither a place nor a person is counted twice; whoever gets no
    place waits, in the order of confirming.
    """
    with platform_scope(), transaction.atomic():
        row = SignUp.objects.select_for_update(of=("self",)).filter(link_digest=digest_of(token)).first()
        if row is None or row.state != SignUpState.PENDING or row.expires_at <= utcnow():
            raise _invalid()
        free = lock_places()
        if reason := hindrance_of(row) or _hindrance(row):
            SignUp.objects.filter(pk=row.pk).update(state=SignUpState.REJECTED, reason=reason)
            row.refresh_from_db()
            return Confirmed(row, None)
        trial = _make_trial(row)
        SignUp.objects.filter(pk=row.pk).update(
            state=SignUpState.CONFIRMED, trial=trial, tenant=trial.tenant_id
        )
        row.refresh_from_db()
        _begin(trial, free)
        return Confirmed(row, trial)


def _begin(trial: Trial, free: int) -> None:
    if free and start_trial(trial):
        write_to(trial, "trial-started", path="/", until=_day(trial))
    else:
        write_to(trial, "trial-waiting", position=position_of(trial.id))


def _day(trial: Trial) -> str:
    return f"{trial.expires_at:%-d %B %Y}"


def _hindrance(row: SignUp) -> Reason | None:
    """Return why this person gets no trial; told only to who has the mailbox."""
    of_person = Trial.objects.filter(plan=settings.TRIAL_PLAN, person=bytes(row.person))
    lately = of_person.filter(ended_at__gt=utcnow() - terms().again_after, started_at__isnull=False)
    lately = lately.exclude(reason=Reason.NOT_BUILT)  # that was none
    if of_person.filter(stage__in=LIVE_STAGES).exists() or lately.exists():
        return Reason.HAS_TRIAL
    colleagues = Trial.objects.filter(
        plan=settings.TRIAL_PLAN, organisation=row.organisation, stage__in=LIVE_STAGES
    )
    if row.organisation and colleagues.exists():
        return Reason.ORGANISATION_HAS_TRIAL
    return None


def _make_trial(row: SignUp) -> Trial:
    home = _earlier_home(row) or _new_home(row)
    tenant, owner = home
    trial = Trial.objects.create(
        tenant=tenant,
        owner=owner,
        person=bytes(row.person),
        organisation=row.organisation,
        email=row.email,
        company=row.company,
        region=row.region,
        plan=settings.TRIAL_PLAN,
        stage=Stage.WAITING,
        created_at=utcnow(),
    )
    audit.record(
        "trial.confirm",
        actor=Actor(name=owner.get_username(), user_id=owner.id, address=row.address),
        tenant_id=tenant.id,
        target_type="trial",
        target_id=trial.id,
        changes={"company": row.company, "region": row.region, "sign_up": str(row.id)},
    )
    return trial


def _earlier_home(row: SignUp) -> tuple[Tenant, User] | None:
    """Return the tenant and the person of an earlier trial that is over, when it can be used again."""
    over = Trial.objects.filter(person=bytes(row.person), stage__in=[Stage.REMOVED, Stage.REJECTED])
    last = over.select_related("tenant", "owner").order_by("-id").first()
    if last is None or last.tenant.state != State.ACTIVE or last.owner.email.lower() != row.email.lower():
        return None
    if was_granted_more(last.tenant) or not Account.objects.filter(tenant=last.tenant, slug=ACCOUNT).exists():
        return None
    return last.tenant, last.owner


def _new_home(row: SignUp) -> tuple[Tenant, User]:
    tenant = _tenant(row.company)
    confine(tenant)
    create_account(actor=SYSTEM, tenant=tenant, slug=ACCOUNT, name="Trial")
    owner = _person(row.email)
    add_member(actor=SYSTEM, tenant=tenant, user=owner, role=Role.OWNER)
    return tenant, owner


def _tenant(company: str) -> Tenant:
    plain = unicodedata.normalize("NFKD", company).encode("ascii", "ignore").decode().lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-0123456789")[:LONGEST_SLUG].strip("-")
    wanted = slug if len(slug) > 1 else f"trial-{short_name()}"
    while Tenant.objects.filter(slug=wanted).exists():
        wanted = f"{slug or 'trial'}-{short_name()}"
    return create_tenant(actor=SYSTEM, slug=wanted, name=company)


def _person(email: str) -> User:
    """Return a new person without a password, and with a name that says nothing: the audit trail keeps it for ever.

    One of this address who is here already came another way: they stay apart, for nobody has proved that this mailbox is theirs.
    """
    user = User.objects.create_user(username=f"trial-{short_name(12)}", email=email)
    audit.record("user.create", actor=SYSTEM, tenant_id=None, target_type="user", target_id=user.id)
    return user


def _invalid() -> Refused:
    detail = "This link is unknown, too old, or was used before. Sign up again for a new one, or sign in."
    return Refused("link_invalid", detail, status=410)
