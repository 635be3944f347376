"""The catalog's tables: a copy of the reviewed YAML files, written only by `loading.apply`.

Plans name regions and machine types inside their definition; `loading.review` proves those names first.
"""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import models
from django.db.models import Q

from controlplane.catalog.quota_models import Entitlement, QuotaRequest, Usage
from controlplane.catalog.source_models import Content, ModuleVersion

__all__ = [
    "Channel",
    "Content",
    "Entitlement",
    "KubernetesVersion",
    "MachineType",
    "Module",
    "ModuleVersion",
    "Plan",
    "QuotaRequest",
    "Region",
    "Release",
    "Revision",
    "Usage",
]

PROVIDER_PATTERN = r"^[a-z][a-z0-9-]{1,30}$"


class PlanState(models.TextChoices):
    """Moves both ways between `active` and `retired`; a retired plan takes no new runtimes."""

    ACTIVE = "active", "active"
    RETIRED = "retired", "retired"


class Lifecycle(models.TextChoices):
    """Of a Kubernetes version, in this order, as Gardener classifies them."""

    PREVIEW = "preview", "preview"
    SUPPORTED = "supported", "supported"
    DEPRECATED = "deprecated", "deprecated"
    EXPIRED = "expired", "expired"


class Region(models.Model):
    """A provider's region and its availability zones, by the names that Gardener's cloud profiles use."""

    provider = models.CharField(max_length=31)
    name = models.CharField(max_length=63)
    display_name = models.CharField(max_length=100)
    zones: models.JSONField[list[str], list[str]] = models.JSONField()

    class Meta:
        ordering = ("provider", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider", "name"], name="catalog_region_provider_name"
            ),  # plans refer to a region by these two
            models.CheckConstraint(
                condition=Q(provider__regex=PROVIDER_PATTERN), name="catalog_region_provider_slug"
            ),  # a provider is the key of a driver's infrastructure section
            models.CheckConstraint(
                condition=~Q(zones=[]), name="catalog_region_has_zones"
            ),  # nothing can be placed in a region without zones
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


class MachineType(models.Model):
    """A kind of node; `zones` is `{region: [zone, ...]}`, or empty where it is everywhere."""

    provider = models.CharField(max_length=31)
    name = models.CharField(max_length=63)
    family = models.CharField(max_length=31)
    vcpu = models.PositiveIntegerField()
    memory_gib = models.DecimalField(max_digits=9, decimal_places=3)
    gpus = models.PositiveIntegerField(default=0)
    gpu_model = models.CharField(max_length=63, blank=True, default="")
    architecture = models.CharField(max_length=15, default="amd64")
    zones: models.JSONField[dict[str, list[str]], dict[str, list[str]]] = models.JSONField(
        default=dict, blank=True
    )

    class Meta:
        ordering = ("provider", "name")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["provider", "name"], name="catalog_machinetype_provider_name"
            ),  # plans and runtimes refer to a machine type by these two
            models.CheckConstraint(
                condition=Q(provider__regex=PROVIDER_PATTERN), name="catalog_machinetype_provider_slug"
            ),  # a provider is the key of a driver's infrastructure section
            models.CheckConstraint(
                condition=Q(vcpu__gt=0, memory_gib__gt=0), name="catalog_machinetype_has_size"
            ),  # capacity, quota and price divide by these
            models.CheckConstraint(
                condition=Q(gpus=0, gpu_model="") | (Q(gpus__gt=0) & ~Q(gpu_model="")),
                name="catalog_machinetype_names_gpu",
            ),  # a GPU without a model can't be priced, a model without a GPU is a typing error
        ]

    def __str__(self) -> str:
        return f"{self.provider}/{self.name}"


class KubernetesVersion(models.Model):
    """A minor version, its newest patch on offer, and where in its life it stands."""

    version = models.CharField(primary_key=True, max_length=15)
    patch = models.CharField(max_length=31)
    lifecycle = models.CharField(max_length=15, choices=Lifecycle)
    expires_on = models.DateField(null=True, blank=True)

    class Meta:
        ordering = ("version",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(version__regex=r"^1\.[0-9]+$"), name="catalog_kubernetes_version_is_minor"
            ),  # upgrade rules count minors
            models.CheckConstraint(
                condition=Q(lifecycle__in=Lifecycle.values), name="catalog_kubernetes_lifecycle"
            ),  # an unknown word would count as neither usable nor expired
            models.CheckConstraint(
                condition=Q(lifecycle__in=[Lifecycle.PREVIEW, Lifecycle.SUPPORTED])
                | Q(expires_on__isnull=False),
                name="catalog_kubernetes_expiry_known",
            ),  # whoever runs a deprecated version must be told until when
        ]

    def __str__(self) -> str:
        return self.version


class Module(models.Model):
    """A capability that can be installed into a runtime; its versions stand in the releases."""

    key = models.SlugField(primary_key=True, max_length=63)
    name = models.CharField(max_length=100)
    description = models.TextField()
    mandatory = models.BooleanField(default=False)

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key


class Release(models.Model):
    """A named set of Kubernetes patch, machine image and modules; PostgreSQL refuses to change one that was published.

    It begins as a draft and is published once; after that only its end of life moves, and it may be withdrawn.
    """

    key = models.CharField(primary_key=True, max_length=31)
    kubernetes_version = models.ForeignKey(
        KubernetesVersion, on_delete=models.PROTECT, related_name="releases"
    )
    kubernetes_patch = models.CharField(max_length=31)
    machine_image: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    modules: models.JSONField[dict[str, str], dict[str, str]] = models.JSONField()
    notes = models.TextField(blank=True, default="")
    known_issues: models.JSONField[list[str], list[str]] = models.JSONField(default=list, db_default=[])
    requires: models.JSONField[list[str], list[str]] = models.JSONField(default=list, db_default=[])
    published_at = models.DateTimeField(null=True)
    published_by = models.CharField(max_length=200, blank=True, default="", db_default="")
    end_of_life = models.DateField(null=True)  # its Kubernetes version's own counts too
    withdrawn_at = models.DateTimeField(null=True)
    withdrawn_reason = models.CharField(max_length=300, blank=True, default="", db_default="")

    class Meta:
        ordering = ("key",)
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(withdrawn_at__isnull=True, withdrawn_reason="")
                | (Q(withdrawn_at__isnull=False, published_at__isnull=False) & ~Q(withdrawn_reason="")),
                name="catalog_release_withdrawn_with_reason",
            ),  # whoever runs it must be told why, and a draft is simply removed
        ]

    def __str__(self) -> str:
        return self.key


class Channel(models.Model):
    """A moving pointer to a release: `regular`, `fast`.

    `declared` is what its file said last: while that stays, a pointer that a person moved since is theirs.
    """

    key = models.SlugField(primary_key=True, max_length=31)
    release = models.ForeignKey(Release, on_delete=models.PROTECT, related_name="channels")
    declared = models.CharField(max_length=31, blank=True, default="", db_default="")

    class Meta:
        ordering = ("key",)

    def __str__(self) -> str:
        return self.key


class Plan(models.Model):
    """What can be ordered; `definition` is its YAML file as loaded, `digest` its SHA-256."""

    key = models.SlugField(primary_key=True, max_length=31)
    name = models.CharField(max_length=100)
    description = models.TextField()
    provider = models.CharField(max_length=31)
    landscape_kind = models.CharField(max_length=31)
    position = models.PositiveIntegerField()
    state = models.CharField(max_length=15, choices=PlanState, default=PlanState.ACTIVE)
    definition: models.JSONField[dict[str, Any], dict[str, Any]] = models.JSONField()
    digest = models.CharField(max_length=64)

    class Meta:
        ordering = ("position", "key")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(state__in=PlanState.values), name="catalog_plan_state"
            ),  # an unknown word would neither sell nor refuse
            models.CheckConstraint(
                condition=Q(provider__regex=PROVIDER_PATTERN), name="catalog_plan_provider_slug"
            ),  # a provider is the key of a driver's infrastructure section
        ]

    def __str__(self) -> str:
        return self.key


class Revision(models.Model):
    """One applied change of the catalog: who applied what; its highest number keys every process's cache."""

    number = models.BigAutoField(primary_key=True)
    applied_at = models.DateTimeField()
    applied_by = models.CharField(max_length=200)
    changes: models.JSONField[list[dict[str, str]], list[dict[str, str]]] = models.JSONField()

    class Meta:
        ordering = ("-number",)

    def __str__(self) -> str:
        return str(self.number)
