"""Finds rows of the trail for whoever may see them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Q, QuerySet, TextField
from django.db.models.functions import Cast

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor, Permission
from controlplane.tenants.isolation.scopes import one_transaction, scope_of, scoped
from controlplane.tenants.models import AuditEvent

LONGEST_EXPORT = timedelta(days=92)
TEXT_PERIOD = timedelta(days=30)  # a text is looked for row by row: not through the years unless asked to
PAGE = 1000


@dataclass(frozen=True)
class Search:
    """What is looked for; each part is empty when it does not narrow. An action that ends in `.` means all below it."""

    actor: str = ""
    action: str = ""
    target: str = ""  # id of what it was done to
    outcome: str = ""
    request_id: str = ""
    text: str = ""
    tenant: str = ""  # slug; only the platform's team sees more than one
    since: datetime | None = None
    until: datetime | None = None

    def narrow(self, rows: QuerySet[AuditEvent]) -> QuerySet[AuditEvent]:
        """Apply every part."""
        exact = {
            "actor": self.actor,
            "target_id": self.target,
            "outcome": self.outcome,
            "request_id": self.request_id,
            "tenant__slug": self.tenant,
        }
        rows = rows.filter(**{name: value for name, value in exact.items() if value})
        if self.action.endswith("."):
            rows = rows.filter(action__startswith=self.action)
        elif self.action:
            rows = rows.filter(action=self.action)
        since = self.since or (utcnow() - TEXT_PERIOD if self.text else None)
        if since:
            rows = rows.filter(pk__gte=_first_id(since), at__gte=since)
        if self.until:
            rows = rows.filter(at__lt=self.until)
        return _holding(rows, self.text) if self.text else rows


def visible(actor: Actor, search: Search) -> QuerySet[AuditEvent]:
    """Return the rows that the actor may see, narrowed; raises Refused forbidden."""
    require_audit(actor)
    rows = AuditEvent.objects.select_related("tenant")
    if not actor.sees_every_tenant:
        rows = rows.filter(tenant=actor.tenant_id)
    return search.narrow(rows)


def require_audit(actor: Actor) -> None:
    """Raise Refused forbidden unless the actor may read the trail."""
    if not actor.may(Permission.AUDIT_READ):
        raise Refused(
            "forbidden", "Your role does not show the audit trail; ask an admin of your tenant.", status=403
        )


def bounded(search: Search) -> Search:
    """Return the search with both ends of its period, the last seven days by default; raises Refused when it is too long."""
    until = search.until or utcnow()
    since = search.since or until - timedelta(days=7)
    if since >= until:
        raise Refused("period_invalid", "“since” must be before “until”.", field="since", status=400)
    if until - since > LONGEST_EXPORT:
        detail = f"One export holds at most {LONGEST_EXPORT.days} days; ask for the period in parts."
        raise Refused("period_too_long", detail, field="since", status=400)
    return replace(search, since=since, until=until)


def stream(actor: Actor, search: Search) -> Iterator[AuditEvent]:
    """Yield every visible row, oldest first, in pages of their own transaction; what comes later is left out."""
    last: UUID | None = None
    while True:
        with scoped(scope_of(actor)), one_transaction():
            rows = visible(actor, search).order_by("pk")
            page = list(rows.filter(pk__gt=last)[:PAGE] if last else rows[:PAGE])
        yield from page
        if len(page) < PAGE:
            return
        last = page[-1].pk


def _holding(rows: QuerySet[AuditEvent], text: str) -> QuerySet[AuditEvent]:
    rows = rows.annotate(changes_text=Cast("changes", TextField()))
    words = ("actor", "on_behalf_of", "action", "target_type", "target_id", "address", "changes_text")
    wanted = Q(request_id=text)
    for name in words:
        wanted |= Q(**{f"{name}__icontains": text})
    return rows.filter(wanted)


def _first_id(moment: datetime) -> UUID:
    """Return the smallest id of a version 7 UUID drawn a minute before: rows get their time after their id."""
    milliseconds = min(max(0, int(moment.timestamp() - 60) * 1000), (1 << 48) - 1)
    return UUID(int=(milliseconds << 80) & ((1 << 128) - 1))
