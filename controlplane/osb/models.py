"""The rows of the broker's room."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned
from provisioner.drivers.base import Role
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime

LONGEST_ID = 255


class BrokerCredential(models.Model):
    """With what one platform signs in: of one tenant, or of the platform's team (then its organisations are mapped to tenants).

    The secret is the password of basic authentication and the token of bearer authentication. It has 256 random bits, so only its
    SHA-256 is kept; after a rotation the one before is good until `previous_until`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=80)
    username = models.CharField(max_length=64, unique=True)
    prefix = models.CharField(max_length=24)
    digest = models.BinaryField(max_length=32, unique=True)
    previous_digest = models.BinaryField(max_length=32, null=True, unique=True)
    previous_until = models.DateTimeField(null=True)
    created_by = models.CharField(max_length=160)
    created_at = models.DateTimeField(auto_now_add=True)
    rotated_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)
    last_used_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # An old secret always ends.
            models.CheckConstraint(
                condition=Q(previous_digest__isnull=True, previous_until__isnull=True)
                | Q(previous_digest__isnull=False, previous_until__isnull=False),
                name="osb_previous_secret_ends",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.username})"

    @property
    def realm(self) -> object:
        """Whose instance ids are one namespace: the tenant's, or this one platform's."""
        return self.tenant_id or self.id


class BrokerOrganization(TenantOwned):
    """Which tenant an organisation of a platform is, for credentials that belong to no single tenant."""

    credential = models.ForeignKey(BrokerCredential, models.CASCADE, related_name="organizations")
    organization = models.CharField(
        max_length=LONGEST_ID
    )  # a guid, a cluster's id, or "cluster id/namespace"
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # One organisation is one tenant.
            models.UniqueConstraint(
                fields=["credential", "organization"], name="osb_organization_once_per_credential"
            ),
        ]

    def __str__(self) -> str:
        return self.organization


class OsbInstance(TenantOwned):
    """Which runtime a platform's service instance is. The row stays as a tombstone: a deleted id is known to be gone."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    realm = models.UUIDField()  # within which `instance_id` is unique
    instance_id = models.CharField(max_length=LONGEST_ID)
    credential = models.ForeignKey(BrokerCredential, models.PROTECT, related_name="+")
    runtime = models.ForeignKey(Runtime, models.PROTECT, related_name="+")
    service_id = models.CharField(max_length=LONGEST_ID)
    plan_id = models.CharField(max_length=LONGEST_ID)
    parameters = models.JSONField(default=dict)  # as given, updates merged; at most 64 KB
    context = models.JSONField(default=dict)
    platform = models.CharField(max_length=LONGEST_ID, blank=True)
    organization = models.CharField(max_length=LONGEST_ID)
    space = models.CharField(max_length=LONGEST_ID)
    region = models.CharField(max_length=64, blank=True)  # that the address fixed, or empty
    operation = models.ForeignKey(
        Operation, models.PROTECT, related_name="+"
    )  # the newest that the platform began
    asked = models.CharField(max_length=64, blank=True)  # SHA-256 of the update that began it
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            # Two requests at once must never make two runtimes of one instance.
            models.UniqueConstraint(
                fields=["realm", "instance_id"],
                condition=Q(deleted_at__isnull=True),
                name="osb_instance_once_per_realm",
            ),
            # A runtime is one instance.
            models.UniqueConstraint(fields=["runtime"], name="osb_instance_once_per_runtime"),
        ]
        # The newest of an id, tombstones included.
        indexes = [models.Index(fields=["realm", "instance_id", "-id"], name="osb_instance_of_realm")]

    def __str__(self) -> str:
        return self.instance_id


class BindingState(models.TextChoices):
    """granting → bound → revoking → gone; granting → revoking too. Only gone has ended."""

    GRANTING = "granting"
    BOUND = "bound"
    REVOKING = "revoking"
    GONE = "gone"


class OsbBinding(TenantOwned):
    """A service account in an instance's runtime, until `expires_at`; what it signs in with is never kept."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    instance = models.ForeignKey(OsbInstance, models.PROTECT, related_name="bindings")
    binding_id = models.CharField(max_length=LONGEST_ID)
    state = models.CharField(max_length=16, choices=BindingState, default=BindingState.GRANTING)
    service_id = models.CharField(max_length=LONGEST_ID)
    plan_id = models.CharField(max_length=LONGEST_ID)
    parameters = models.JSONField(default=dict)
    role = models.CharField(max_length=16)
    ttl_seconds = models.PositiveIntegerField()
    service_account = models.CharField(max_length=50)  # its name in the cluster
    predecessor = models.CharField(max_length=LONGEST_ID, blank=True)
    expires_at = models.DateTimeField()
    due_at = models.DateTimeField()  # when it is to be revoked, or tried again
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # An id may come back only when its binding is gone.
            models.UniqueConstraint(
                fields=["instance", "binding_id"],
                condition=~Q(state="gone"),
                name="osb_binding_once_per_instance",
            ),
            models.CheckConstraint(
                condition=Q(state__in=BindingState.values), name="osb_binding_state_is_known"
            ),
            models.CheckConstraint(
                condition=Q(role__in=[r.value for r in Role]), name="osb_binding_role_is_known"
            ),
        ]
        indexes = [
            # The sweep: what has to end.
            models.Index(fields=["due_at"], condition=~Q(state="gone"), name="osb_binding_due"),
        ]

    def __str__(self) -> str:
        return self.binding_id
