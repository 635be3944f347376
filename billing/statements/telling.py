"""Tells people by e-mail: a tenant that its statement is sealed, FinOps that one can't be, or can't even be drafted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

from django.conf import settings

from billing.pricing.amounts import written
from billing.statements.models import Statement
from controlplane.kernel.errors import Refused
from controlplane.notices.services import notify
from controlplane.tenants.access import PlatformRole, Role
from controlplane.tenants.models import Member, Tenant, User

WHO_IS_TOLD = (Role.FINANCE, Role.OWNER, Role.ADMIN)  # the first of these that anybody with an address has
LONGEST_REASON = 300


def tell_sealed(row: Statement) -> int:
    """Announce a sealed statement to the tenant's finance people, else to its owners, else to its admins; return to how many."""
    members = Member.objects.filter(tenant_id=row.tenant_id, role__in=WHO_IS_TOLD, user__is_active=True)
    reached = list(members.exclude(user__email="").select_related("user"))
    by_role = ([one.user for one in reached if one.role == role] for role in WHO_IS_TOLD)
    people = next((people for people in by_role if people), [])
    words = {**_words(row), "number": row.number, "total": written(row.total, row.currency)}
    return _tell(people, "statement-sealed", row.tenant_id, words, f"statement-sealed:{row.pk}")


def tell_blocked(row: Statement) -> int:
    """Tell FinOps once what keeps a statement from being sealed; return to how many."""
    details = list(dict.fromkeys(str(problem["detail"]) for problem in row.problems))[:10]
    key = f"statement-blocked:{row.pk}:{row.input_digest[:16]}"
    return _tell(_finops(), "statement-blocked", row.tenant_id, {**_words(row), "problems": details}, key)


def tell_undrafted(tenant_id: UUID, month: date, error: Exception) -> int:
    """Tell FinOps once a month that a tenant's draft can't be made, and of what kind the failure is; return to how many."""
    what = error.detail if isinstance(error, Refused) else " ".join(str(error).split())
    reason = f"{type(error).__name__}: {what}"[:LONGEST_REASON]
    words = {"tenant": _name(tenant_id), "month": f"{month:%B %Y}", "reason": reason}
    words["link"] = f"{settings.PUBLIC_URL}/statements/"
    key = f"statement-undrafted:{tenant_id}:{month}:{type(error).__name__}"
    return _tell(_finops(), "statement-undrafted", tenant_id, words, key)


def _finops() -> Iterable[User]:
    return User.objects.filter(platform_role=PlatformRole.FINOPS, is_active=True)


def _name(tenant_id: UUID) -> str:
    name: str = Tenant.objects.values_list("name", flat=True).get(pk=tenant_id)
    return name


def _words(row: Statement) -> dict[str, str]:
    link = f"{settings.PUBLIC_URL}/statements/{row.pk}/"
    return {"tenant": _name(row.tenant_id), "month": f"{row.month:%B %Y}", "link": link}


def _tell(people: Iterable[User], kind: str, tenant_id: UUID, words: Mapping[str, object], key: str) -> int:
    told = 0
    for person in people:
        if person.email:
            notify(
                to=person.email,
                kind=kind,
                context=words,
                tenant_id=tenant_id,
                dedupe_key=f"{key}:{person.pk}",
            )
            told += 1
    return told
