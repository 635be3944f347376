"""The rows of the tenants' room."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Self

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import PlatformRole, Role, TokenScope

if TYPE_CHECKING:
    from uuid import UUID

SLUG = r"^[a-z][a-z0-9-]{0,38}[a-z0-9]$"


class State(models.TextChoices):
    """active → suspended → active; a suspended tenant or account starts nothing new."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class Tenant(models.Model):
    """The customer organisation: boundary of billing, quota and isolation."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=40, unique=True)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    runtime_quota = models.PositiveIntegerField(default=500)  # runtimes that may exist at once
    created_at = models.DateTimeField(auto_now_add=True)
    closed_at = models.DateTimeField(null=True)  # nobody belongs to it any more; audit and statements stay

    class Meta:
        constraints = [
            # A slug stands in addresses and labels.
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="tenant_slug_is_clean"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="tenant_state_is_known"),
            # What is closed starts nothing: every door asks for suspension already.
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(state="suspended"), name="tenant_closed_is_suspended"
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class TenantQuerySet(models.QuerySet[Any]):
    """Rows that one tenant owns."""

    def of(self, tenant_id: UUID | Tenant) -> Self:
        """Narrow to what the tenant owns."""
        return self.filter(tenant=tenant_id)


class TenantOwned(models.Model):
    """A row one tenant owns; the faces reach it only through `of(tenant)`."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")

    objects: ClassVar[Any] = TenantQuerySet.as_manager()

    class Meta:
        abstract = True


class Account(TenantOwned):
    """A unit inside a tenant; its runtimes are its own and share nothing with other accounts."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    slug = models.CharField(max_length=40)
    name = models.CharField(max_length=120)
    state = models.CharField(max_length=16, choices=State.choices, default=State.ACTIVE)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "slug"], name="account_slug_once_per_tenant"),
            # What an account has points to both, so that it can't be another tenant's.
            models.UniqueConstraint(fields=["id", "tenant"], name="account_and_its_tenant"),
            models.CheckConstraint(condition=Q(slug__regex=SLUG), name="account_slug_is_clean"),
            models.CheckConstraint(condition=Q(state__in=State.values), name="account_state_is_known"),
        ]

    def __str__(self) -> str:
        return self.slug


class User(AbstractUser):
    """A person who signs in; what they may do comes from their membership or platform role."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    platform_role = models.CharField(max_length=16, blank=True, default="")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(platform_role__in=[r.value for r in PlatformRole]),
                name="user_platform_role_is_known",
            )
        ]


class Member(TenantOwned):
    """A person's role inside a tenant."""

    user = models.ForeignKey(User, models.CASCADE, related_name="memberships")
    role = models.CharField(max_length=16, choices=[(r.value, r.value) for r in Role])
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "user"], name="member_once_per_tenant"),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="member_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user} ({self.role})"


EVERY_SCOPE = ",".join(TokenScope)
SCOPES = rf"^({'|'.join(TokenScope)})(,({'|'.join(TokenScope)}))*$"


class ApiToken(models.Model):
    """A bearer token of one tenant, or of the platform's team; only its SHA-256 is kept.

    A rotated token has two secrets until `previous_until`, so that nobody who uses it has to hurry.

    A token has 256 random bits, so a fast hash is enough (OWASP ASVS 5.0, 11.4.2 is for passwords).
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=80)
    prefix = models.CharField(max_length=16)
    digest = models.BinaryField(max_length=32, unique=True)
    role = models.CharField(max_length=16, blank=True, default="")
    platform_role = models.CharField(max_length=16, blank=True, default="")
    # Words of TokenScope. The database knows the default too: while a deploy goes on, older processes insert as well.
    scopes = models.CharField(max_length=64, default=EVERY_SCOPE, db_default=EVERY_SCOPE)
    service_account = models.ForeignKey(
        "tenants.ServiceAccount", models.PROTECT, null=True, related_name="tokens"
    )
    created_by = models.CharField(max_length=160, blank=True, default="", db_default="")
    created_by_user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    previous_prefix = models.CharField(max_length=16, blank=True, default="", db_default="")
    previous_digest = models.BinaryField(max_length=32, null=True, unique=True)
    previous_until = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # A token belongs to one tenant with a role there, or to the platform's team: never to both or neither.
            models.CheckConstraint(
                condition=Q(tenant__isnull=False, role__in=[r.value for r in Role], platform_role="")
                | Q(tenant__isnull=True, role="", platform_role__in=[r.value for r in PlatformRole if r]),
                name="token_has_one_home",
            ),
            models.CheckConstraint(condition=Q(scopes__regex=SCOPES), name="token_scopes_are_known"),
            # An old secret always ends.
            models.CheckConstraint(
                condition=Q(previous_digest__isnull=True, previous_until__isnull=True)
                | Q(previous_digest__isnull=False, previous_until__isnull=False),
                name="token_previous_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"


class TransactionNumber(models.Func):
    """The number of the present transaction, as the trail counts them."""

    function = "tenants_audit_tx"
    arity = 0
    output_field = models.BigIntegerField()


class AuditEvent(models.Model):
    """One thing that somebody did or was refused: never changed, never deleted (the database refuses both)."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    actor = models.CharField(max_length=160)
    on_behalf_of = models.CharField(max_length=160, blank=True, default="", db_default="")
    action = models.CharField(max_length=64)
    target_type = models.CharField(max_length=32)
    target_id = models.CharField(max_length=64)
    changes = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    outcome = models.CharField(max_length=8, default="done", db_default="done")  # or "denied"
    tx = models.BigIntegerField(db_default=TransactionNumber(), editable=False)  # orders rows by commit

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(outcome__in=["done", "denied"]), name="audit_outcome_is_known")
        ]
        indexes = [
            models.Index(fields=["tenant", "-id"], name="audit_of_tenant"),
            models.Index(fields=["target_id", "-id"], name="audit_of_target"),
            models.Index(fields=["tx", "id"], name="audit_in_commit_order"),
        ]

    def __str__(self) -> str:
        return f"{self.actor} {self.action} {self.target_type} {self.target_id}"


class AuditSeal(models.Model):
    """A stretch of one chain (a tenant's, or the platform's): which rows it holds, and a hash over them and all before."""

    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    at = models.DateTimeField(auto_now_add=True)
    first_position = models.BigIntegerField()
    last_position = models.BigIntegerField()
    until_tx = models.BigIntegerField()  # with until_id: everything of any tenant up to here is sealed
    until_id = models.UUIDField()
    links = models.BinaryField()  # of each row its id (16 bytes) and the SHA-256 of its content (32)
    previous_hash = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32)

    class Meta:
        constraints = [
            # A chain has one continuation only.
            models.UniqueConstraint(
                fields=["tenant", "first_position"], name="audit_chain_does_not_fork", nulls_distinct=False
            ),
            # Its links are what the hash is over: one for each position.
            models.CheckConstraint(
                condition=Q(last_position__gte=models.F("first_position"), first_position__gte=1),
                name="audit_seal_holds_rows",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id or 'platform'} {self.first_position}-{self.last_position}"
