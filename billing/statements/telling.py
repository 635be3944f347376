"""Tells people by e-mail: a tenant that its statement is sealed, FinOps that one can't be."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from django.conf import settings

from billing.pricing.amounts import written
from billing.statements.models import Statement
from controlplane.notices.services import notify
from controlplane.tenants.access import PlatformRole, Role
from controlplane.tenants.models import Member, Tenant, User

WHO_PAYS = (Role.FINANCE, Role.OWNER)


def tell_sealed(row: Statement) -> int:
    """Announce a sealed statement to the tenant's finance people, to its owners where it has none; return to how many."""
    members = Member.objects.filter(
        tenant_id=row.tenant_id, role__in=WHO_PAYS, user__is_active=True
    ).select_related("user")
    by_role = {role: [member.user for member in members if member.role == role] for role in WHO_PAYS}
    people = by_role[Role.FINANCE] or by_role[Role.OWNER]
    words = {**_words(row), "number": row.number, "total": written(row.total, row.currency)}
    return _tell(people, "statement-sealed", row, words, f"statement-sealed:{row.pk}")


def tell_blocked(row: Statement) -> int:
    """Tell FinOps once what keeps a statement from being sealed; return to how many."""
    people = User.objects.filter(platform_role=PlatformRole.FINOPS, is_active=True)
    details = list(dict.fromkeys(str(problem["detail"]) for problem in row.problems))[:10]
    key = f"statement-blocked:{row.pk}:{row.input_digest[:16]}"
    return _tell(people, "statement-blocked", row, {**_words(row), "problems": details}, key)


def _words(row: Statement) -> dict[str, str]:
    tenant = Tenant.objects.values_list("name", flat=True).get(pk=row.tenant_id)
    link = f"{settings.PUBLIC_URL}/statements/{row.pk}/"
    return {"tenant": tenant, "month": f"{row.month:%B %Y}", "link": link}


def _tell(people: Iterable[User], kind: str, row: Statement, words: Mapping[str, object], key: str) -> int:
    told = 0
    for person in people:
        if person.email:
            notify(
                to=person.email,
                kind=kind,
                context=words,
                tenant_id=row.tenant_id,
                dedupe_key=f"{key}:{person.pk}",
            )
            told += 1
    return told
