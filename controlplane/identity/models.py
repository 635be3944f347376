"""The rows of the identity room."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from controlplane.kernel.ids import uuid7
from controlplane.tenants.access import PlatformRole, Role
from controlplane.tenants.models import Member, Tenant, User

DOMAIN = r"^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]$"
MAPPABLE = [role.value for role in Role] + [role.value for role in PlatformRole if role]


class IdentityProvider(models.Model):
    """An OpenID Connect provider of one tenant, or of the platform (no tenant).

    The issuer never changes: a subject means nothing at another issuer. Another issuer is another provider.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    tenant = models.ForeignKey(Tenant, models.PROTECT, null=True, related_name="+")
    name = models.CharField(max_length=80)
    issuer = models.CharField(max_length=500)
    client_id = models.CharField(max_length=200)
    client_secret = models.BinaryField(
        default=b"", max_length=4096
    )  # sealed; empty: a public client, PKCE alone
    scopes = models.CharField(max_length=200, default="openid email profile")
    groups_claim = models.CharField(max_length=100, default="groups")
    contact = models.CharField(max_length=200, blank=True, default="")  # whom people ask who got no role
    enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            # Two rows for one issuer would make two people of one subject.
            models.UniqueConstraint(
                fields=["tenant", "issuer"], name="provider_issuer_once_per_tenant", nulls_distinct=False
            ),
            # Plain HTTP is refused where it is called, except for hosts that a setting names.
            models.CheckConstraint(
                condition=Q(issuer__regex=r"^https?://[^\s?#]+$"), name="provider_issuer_is_an_address"
            ),
            models.CheckConstraint(
                condition=~Q(client_id="") & ~Q(name=""), name="provider_has_name_and_client"
            ),
            # Without it a provider answers no ID token.
            models.CheckConstraint(
                condition=Q(scopes__regex=r"(^| )openid( |$)"), name="provider_asks_for_openid"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.issuer})"

    @property
    def secret_context(self) -> str:
        """Where the sealed secret belongs."""
        return f"{self.tenant_id or 'platform'}|identity_provider|{self.id}|client_secret"


class GroupRole(models.Model):
    """People of this group get this role: in the provider's tenant, or on the platform."""

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="group_roles")
    group = models.CharField(max_length=200)
    role = models.CharField(max_length=16)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "group"], name="group_role_once_per_provider"),
            models.CheckConstraint(condition=Q(role__in=MAPPABLE), name="group_role_is_known"),
        ]

    def __str__(self) -> str:
        return f"{self.group}={self.role}"


class ProviderDomain(models.Model):
    """An e-mail domain that leads to a provider once the platform's operator has confirmed whose it is.

    Until then it routes nobody and vouches for no address: anybody can type a domain.
    """

    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="domains")
    domain = models.CharField(max_length=253)
    confirmed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "domain"], name="domain_once_per_provider"),
            # An address leads to one provider.
            models.UniqueConstraint(
                fields=["domain"], condition=Q(confirmed_at__isnull=False), name="domain_confirmed_once"
            ),
            # Compared with the lower-case part behind the @.
            models.CheckConstraint(condition=Q(domain__regex=DOMAIN), name="domain_is_clean"),
        ]

    def __str__(self) -> str:
        return self.domain


class Identity(models.Model):
    """A person as a provider knows them; what its groups gave them is noted, so that it can be taken back."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, related_name="+")
    subject = models.CharField(max_length=255)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    email = models.CharField(
        max_length=254, blank=True, default=""
    )  # as the provider said last; proves nothing
    # No database constraint: whoever removes a member need not know this room.
    granted_member = models.ForeignKey(
        Member, models.SET_NULL, null=True, related_name="+", db_constraint=False
    )
    granted_platform_role = models.CharField(max_length=16, blank=True, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    last_sign_in_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["provider", "subject"], name="identity_once_per_subject"),
            # A second subject in one person's name would be an address that was given to somebody else.
            models.UniqueConstraint(fields=["provider", "user"], name="identity_once_per_user"),
            models.CheckConstraint(condition=~Q(subject=""), name="identity_has_subject"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} at {self.provider_id}"


class UserSession(models.Model):
    """One session of a person, found by the SHA-256 of its key; a session without its row is over."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    user = models.ForeignKey(User, models.CASCADE, related_name="+")
    digest = models.BinaryField(max_length=32, unique=True)
    provider = models.ForeignKey(IdentityProvider, models.CASCADE, null=True, related_name="+")
    subject = models.CharField(max_length=255, blank=True, default="")
    provider_session = models.CharField(max_length=255, blank=True, default="")  # its `sid`
    agent = models.CharField(max_length=80, blank=True, default="")
    address = models.CharField(max_length=64, blank=True, default="")
    began_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["expires_at"], name="session_expiry"),  # what is forgotten is found by it
            # A provider that ends its sessions names the subject.
            models.Index(
                fields=["provider", "subject"],
                name="session_of_subject",
                condition=Q(provider__isnull=False),
            ),
        ]
        constraints = [
            # An expiry before the beginning would sign nobody in.
            models.CheckConstraint(condition=Q(expires_at__gt=models.F("began_at")), name="session_lasts"),
        ]

    def __str__(self) -> str:
        return f"{self.user_id} since {self.began_at}"
