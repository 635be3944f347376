"""The rows behind who gets in: invitations, service accounts, and where an account belonged when."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import Role
from controlplane.tenants.models import Account, Tenant, TenantOwned, User

ROLES = [(role.value, role.value) for role in Role]


class Invitation(TenantOwned):
    """A role that waits for a person; who holds the one-time link may take it. Only its SHA-256 is kept.

    live → accepted | revoked | (by the clock) expired; sending it again makes a new link and a new expiry.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    email = models.CharField(max_length=254)  # lower case
    role = models.CharField(max_length=16, choices=ROLES)
    any_address = models.BooleanField(
        default=False
    )  # whoever holds the link may accept, whatever their address
    digest = models.BinaryField(max_length=32, unique=True)
    invited_by = models.CharField(max_length=160)
    invited_by_user = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    accepted_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two live links to one address would leave one behind when the other is revoked.
            models.UniqueConstraint(
                fields=["tenant", "email"],
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_live_per_address",
            ),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="invitation_role_is_known"
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="invitation_ends_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.email} ({self.role})"


class InvitationLetter(TenantOwned):
    """One message with a link that a tenant sent: counted for an hour and a day, then forgotten."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    address = models.CharField(max_length=254)  # lower case, without a tag behind a plus
    at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["tenant", "-at"], name="invitation_letters_of_tenant"),
            models.Index(fields=["address", "-at"], name="invitation_letters_to_address"),
        ]

    def __str__(self) -> str:
        return f"{self.address} at {self.at}"


class ServiceAccount(TenantOwned):
    """A program with a role in a tenant, for CI and the like; it has tokens, but never a session."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80)
    role = models.CharField(max_length=16, choices=ROLES)
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    removed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # The audit trail names it.
            models.UniqueConstraint(
                fields=["tenant", "name"],
                condition=Q(removed_at__isnull=True),
                name="service_account_name_once_per_tenant",
            ),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="service_account_role_is_known"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class AccountMove(TenantOwned):
    """An account went from one tenant (`tenant`) to another; what it cost before `at` stays with the first."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    account = models.ForeignKey(Account, models.PROTECT, related_name="+")
    to_tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+")
    at = models.DateTimeField()
    moved_by = models.CharField(max_length=160)
    reason = models.CharField(max_length=300)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(tenant=models.F("to_tenant")), name="account_move_leads_elsewhere"
            ),
        ]
        indexes = [models.Index(fields=["account", "at"], name="account_moves_in_order")]

    def __str__(self) -> str:
        return f"{self.account_id}: {self.tenant_id} to {self.to_tenant_id}"
