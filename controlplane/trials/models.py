"""The rows of the trials' room."""

from __future__ import annotations

from django.db import models
from django.db.models import F, Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned, User
from controlplane.trials.states import HOLDS_A_PLACE, LIVE, Reason, SignUpState, Stage
from provisioner.runtimes.models import Runtime

REASONS = ["", *sorted(reason.value for reason in Reason)]
LIVE_STAGES = sorted(stage.value for stage in LIVE)
AHEAD = sorted(stage.value for stage in HOLDS_A_PLACE)


class Trial(TenantOwned):
    """One person's time with one runtime of the trial plan; moves as `states.MOVES` says, by guarded updates."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    owner = models.ForeignKey(User, models.PROTECT, related_name="+")
    person = models.BinaryField(
        max_length=32
    )  # addresses.Address.person, a keyed hash; it outlives the address
    organisation = models.CharField(max_length=253, blank=True)
    email = models.CharField(max_length=254, blank=True)  # forgotten when the trial is over
    company = models.CharField(max_length=120)
    region = models.CharField(max_length=64)
    plan = models.CharField(max_length=31)  # the trial's own; the runtime's changes with a conversion
    stage = models.CharField(max_length=16, choices=[(s.value, s.value) for s in Stage])
    reason = models.CharField(max_length=32, blank=True)
    runtime = models.OneToOneField(Runtime, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True)  # its runtime was ordered
    expires_at = models.DateTimeField(null=True)
    # Its runtime failed before it was whole: since then its time stands still.
    held_since = models.DateTimeField(null=True)
    extended_at = models.DateTimeField(null=True)
    reminded_days = models.PositiveSmallIntegerField(null=True)  # the nearest reminder that was sent
    removes_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)  # removed, converted or rejected
    next_at = models.DateTimeField(null=True)  # the tick looks at it then; null: nothing will be due
    failures = models.PositiveSmallIntegerField(default=0)  # of the present duty, in a row
    problem = models.CharField(max_length=300, blank=True)  # what SREs must know

    class Meta:
        constraints = [
            # One live trial per person, however fast two requests come.
            models.UniqueConstraint(
                fields=["plan", "person"], condition=Q(stage__in=LIVE_STAGES), name="trial_once_per_person"
            ),
            # Colleagues share one.
            models.UniqueConstraint(
                fields=["plan", "organisation"],
                condition=Q(stage__in=LIVE_STAGES) & ~Q(organisation=""),
                name="trial_once_per_organisation",
            ),
            models.CheckConstraint(
                condition=Q(stage__in=[s.value for s in Stage]), name="trial_stage_is_known"
            ),
            models.CheckConstraint(condition=Q(reason__in=REASONS), name="trial_reason_is_known"),
            # Whoever holds a place has a runtime and an end.
            models.CheckConstraint(
                condition=~Q(stage__in=AHEAD) | Q(runtime__isnull=False, expires_at__isnull=False),
                name="trial_in_place_has_runtime",
            ),
            # The end has a date, and nothing before it has.
            models.CheckConstraint(
                condition=Q(stage__in=LIVE_STAGES, ended_at__isnull=True)
                | (~Q(stage__in=LIVE_STAGES) & Q(ended_at__isnull=False)),
                name="trial_end_has_a_date",
            ),
            # Only time that runs can stand still.
            models.CheckConstraint(
                condition=Q(held_since__isnull=True) | Q(stage="active"), name="trial_held_while_it_runs"
            ),
            # Grace never ends before the trial does.
            models.CheckConstraint(
                condition=Q(removes_at__isnull=True) | Q(removes_at__gte=F("expires_at")),
                name="trial_grace_follows_expiry",
            ),
        ]
        indexes = [
            # The tick reads what is due, whatever else there is.
            models.Index(fields=["next_at"], condition=Q(next_at__isnull=False), name="trial_due"),
            # Positions in the queue, and who is next: ids are time-ordered.
            models.Index(fields=["id"], condition=Q(stage="waiting"), name="trial_waiting"),
            # Who is next, past those who could not begin and are tried again later.
            models.Index(
                fields=["id"], condition=Q(stage="waiting", next_at__isnull=True), name="trial_next_in_queue"
            ),
            # Places taken.
            models.Index(fields=["id"], condition=Q(stage__in=AHEAD), name="trial_in_place"),
            models.Index(fields=["person", "-id"], name="trial_of_person"),
            models.Index(fields=["tenant", "-id"], name="trial_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.company} ({self.stage})"


class SignUp(models.Model):
    """What somebody asked for, before and after they confirmed their address; forgotten a month after it led to nothing."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    secret_digest = models.BinaryField(max_length=32)  # SHA-256; whoever has the secret may ask how it goes
    link_digest = models.BinaryField(max_length=32, unique=True)  # SHA-256 of the token in the message
    email = models.CharField(max_length=254, blank=True)
    person = models.BinaryField(max_length=32)
    domain = models.CharField(max_length=253)
    organisation = models.CharField(max_length=253, blank=True)
    company = models.CharField(max_length=120)
    region = models.CharField(max_length=64)
    locale = models.CharField(max_length=35, blank=True)
    address = models.CharField(max_length=64)
    network = models.CharField(max_length=64)  # /24 or /64
    idempotency_digest = models.BinaryField(max_length=32, null=True, unique=True)  # SHA-256 of the key
    fingerprint = models.BinaryField(max_length=32)  # SHA-256 of the request
    state = models.CharField(max_length=16, choices=[(s.value, s.value) for s in SignUpState])
    reason = models.CharField(max_length=32, blank=True)
    trial = models.ForeignKey(Trial, models.PROTECT, null=True, related_name="sign_ups")
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=[s.value for s in SignUpState]), name="signup_state_is_known"
            ),
            models.CheckConstraint(condition=Q(reason__in=REASONS), name="signup_reason_is_known"),
            # A refusal says why.
            models.CheckConstraint(
                condition=Q(state="rejected", trial__isnull=True) & ~Q(reason="")
                | Q(state="confirmed", reason="", trial__isnull=False)
                | Q(state="pending", reason="", trial__isnull=True),
                name="signup_ends_in_a_trial_or_a_reason",
            ),
        ]
        indexes = [
            # Velocity: how many lately of one person, network, domain.
            models.Index(fields=["person", "-created_at"], name="signup_of_person"),
            models.Index(fields=["network", "-created_at"], name="signup_of_network"),
            models.Index(fields=["domain", "-created_at"], name="signup_of_domain"),
            # What was not confirmed in time.
            models.Index(fields=["expires_at"], condition=Q(state="pending"), name="signup_pending"),
            models.Index(fields=["state", "-id"], name="signup_queue"),
            # What is old enough to be forgotten.
            models.Index(fields=["created_at"], name="signup_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.company} ({self.state})"


class SignInLink(models.Model):
    """A request to sign in by mail, and the link that came of it; only the link's SHA-256 is kept."""

    class State(models.TextChoices):
        """asked → sent → over, or asked → over when nobody is known by that address."""

        ASKED = "asked"
        SENT = "sent"
        OVER = "over"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.CharField(max_length=254)
    network = models.CharField(max_length=64)
    base = models.CharField(max_length=200)  # what the link begins with
    state = models.CharField(max_length=8, choices=State.choices)
    user = models.ForeignKey(User, models.CASCADE, null=True, related_name="+")
    digest = models.BinaryField(max_length=32, null=True, unique=True)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["asked", "sent", "over"]), name="signin_link_state_is_known"
            ),
            # A link without a person would sign in anybody.
            models.CheckConstraint(
                condition=~Q(state="sent") | Q(user__isnull=False, digest__isnull=False),
                name="signin_link_is_somebodys",
            ),
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state="asked"), name="signin_link_asked"),
            models.Index(fields=["network", "-created_at"], name="signin_link_of_network"),
            models.Index(fields=["email", "-created_at"], name="signin_link_of_email"),
            # What is old enough to be forgotten.
            models.Index(fields=["created_at"], name="signin_link_by_age"),
        ]

    def __str__(self) -> str:
        return f"link for {self.email}"


class Rule(models.Model):
    """Who gets no trial: an address, a domain with everything below it, a network, a company by pattern (* and ?)."""

    class Kind(models.TextChoices):
        """What the pattern is compared with."""

        EMAIL = "email"
        DOMAIN = "domain"
        NETWORK = "network"
        COMPANY = "company"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=8, choices=Kind.choices)
    pattern = models.CharField(max_length=254)  # normalised; of an address, the hexadecimal Address.person
    # Of a company's pattern: how its longest plain part begins.
    literal = models.CharField(max_length=12, blank=True, default="", db_default="")
    shown = models.CharField(max_length=254)  # as it was written
    why = models.CharField(max_length=200)
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(kind__in=["email", "domain", "network", "company"]), name="rule_kind_is_known"
            ),
            # The same rule twice would have to be lifted twice.
            models.UniqueConstraint(fields=["kind", "pattern"], name="rule_stands_once"),
        ]
        indexes = [
            # Which patterns a company's name may match.
            models.Index(fields=["literal"], condition=Q(kind="company"), name="rule_by_literal"),
            # What is over, to be forgotten.
            models.Index(fields=["expires_at"], condition=Q(expires_at__isnull=False), name="rule_by_end"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.shown}"


class Capacity(models.Model):
    """The one row that says how many trials may hold a place, and which regions are closed; locked to hand out a place."""

    id = models.PositiveSmallIntegerField(primary_key=True, default=1)
    places = models.PositiveIntegerField()
    closed_regions: models.JSONField[list[str], list[str]] = models.JSONField(default=list)
    is_open = models.BooleanField(default=True)  # takes new sign-ups

    class Meta:
        constraints = [
            # Two rows would be two truths.
            models.CheckConstraint(condition=Q(id=1), name="capacity_is_one_row"),
        ]

    def __str__(self) -> str:
        return f"{self.places} places"
