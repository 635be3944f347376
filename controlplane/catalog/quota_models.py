"""What tenants may have, what they have, and what they ask for; one row per tenant and plan, the empty plan stands for all."""

from __future__ import annotations

from decimal import Decimal

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.models import Tenant, TenantOwned

OTHERS = "*"  # no plan has this key: a grant that holds for every plan without one of its own, later ones too


class Entitlement(TenantOwned):
    """What a tenant was granted; null is without bound, no region means every region of the plan.

    Without a row for a plan that of `OTHERS` holds, and without that the plan's own `quota`; without one for all plans, the
    tenant's `runtime_quota`.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    plan = models.CharField(max_length=31, blank=True)
    runtimes = models.PositiveIntegerField(null=True)
    vcpu = models.PositiveIntegerField(null=True)
    memory_gib = models.DecimalField(null=True, max_digits=14, decimal_places=3)
    gpus = models.PositiveIntegerField(null=True)
    regions = models.JSONField(default=list, blank=True)
    granted_by = models.CharField(max_length=160)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            # Two grants for one thing would contradict each other.
            models.UniqueConstraint(fields=["tenant", "plan"], name="entitlement_once_per_plan"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.plan or 'all plans'}"


class Usage(TenantOwned):
    """What a tenant's runtimes may take at most; a trigger of the runtimes' table keeps it, nobody else writes it.

    Admission locks the two rows it concerns, all plans' first: so nobody takes the last place twice.
    """

    tenant = models.ForeignKey(Tenant, models.PROTECT, related_name="+", db_index=False)
    plan = models.CharField(max_length=31, blank=True)
    runtimes = models.IntegerField(default=0, db_default=0)
    vcpu = models.IntegerField(default=0, db_default=0)
    memory_gib = models.DecimalField(default=Decimal(0), db_default=0, max_digits=14, decimal_places=3)
    gpus = models.IntegerField(default=0, db_default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["tenant", "plan"], name="usage_once_per_plan"),
            # Less than nothing means that something was given back twice.
            models.CheckConstraint(
                condition=Q(runtimes__gte=0, vcpu__gte=0, memory_gib__gte=0, gpus__gte=0),
                name="usage_is_never_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.plan or 'all plans'}"


class RequestState(models.TextChoices):
    """open → approved, declined or withdrawn; nothing leaves these."""

    OPEN = "open", "open"
    APPROVED = "approved", "approved"
    DECLINED = "declined", "declined"
    WITHDRAWN = "withdrawn", "withdrawn"


class QuotaRequest(TenantOwned):
    """What a tenant asks for; null leaves a bound as it is. Its moves are `RequestState`'s."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    plan = models.CharField(max_length=31, blank=True)
    runtimes = models.PositiveIntegerField(null=True)
    vcpu = models.PositiveIntegerField(null=True)
    memory_gib = models.DecimalField(null=True, max_digits=14, decimal_places=3)
    gpus = models.PositiveIntegerField(null=True)
    regions = models.JSONField(default=list, blank=True)
    reason = models.CharField(max_length=1000)
    state = models.CharField(max_length=16, choices=RequestState, default=RequestState.OPEN)
    requested_by = models.CharField(max_length=160)
    reply_to = models.CharField(max_length=254, blank=True)  # where the answer goes by e-mail
    created_at = models.DateTimeField(auto_now_add=True)
    answered_by = models.CharField(max_length=160, blank=True)
    answer = models.CharField(max_length=1000, blank=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=RequestState.values), name="quota_request_state_is_known"
            ),
            # One question at a time: the answer to the first may answer the second.
            models.UniqueConstraint(
                fields=["tenant", "plan"], condition=Q(state="open"), name="quota_request_one_open_per_plan"
            ),
        ]
        indexes = [
            # The queue of those who answer, oldest first.
            models.Index(fields=["id"], condition=Q(state="open"), name="quota_request_queue"),
            models.Index(fields=["tenant", "-id"], name="quota_request_of_tenant"),
        ]

    def __str__(self) -> str:
        return f"{self.tenant_id}: {self.plan or 'all plans'}"
