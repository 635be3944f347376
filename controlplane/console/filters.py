"""What the list of runtimes is narrowed by, as it stands in the address."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict

from controlplane.kernel.ids import parse_uuid
from provisioner.runtimes.phases import Phase
from provisioner.runtimes.querysets import RuntimeQuerySet

LONGEST = 100


@dataclass(frozen=True)
class Filters:
    """Each is empty when it does not narrow; `after` and `before` are the edges of a page."""

    q: str = ""
    phase: str = ""
    plan: str = ""
    region: str = ""
    account: str = ""
    label: str = ""
    after: UUID | None = None
    before: UUID | None = None

    @classmethod
    def read(cls, query: QueryDict) -> Filters:
        """Read an address; what no row can match is kept, so the page can say that nothing matches."""
        words = {
            name: query.get(name, "").replace("\0", "").strip()[:LONGEST]
            for name in ("q", "phase", "plan", "region", "account", "label")
        }
        return cls(
            **words, after=parse_uuid(query.get("after", "")), before=parse_uuid(query.get("before", ""))
        )

    @property
    def narrowing(self) -> bool:
        """Whether anything is filtered out."""
        return any((self.q, self.phase, self.plan, self.region, self.account, self.label))

    def query(self, **changes: object) -> str:
        """Return the address's query with some of it changed."""
        changed = replace(self, **changes)  # type: ignore[arg-type]
        words = {entry.name: getattr(changed, entry.name) for entry in fields(changed)}
        return urlencode({name: value for name, value in words.items() if value})

    def first_page(self, **changes: object) -> str:
        """Return the query of the first page with some filters changed."""
        return self.query(**{"after": None, "before": None, **changes})

    def narrow(self, rows: RuntimeQuerySet) -> RuntimeQuerySet:
        """Apply every filter; the deprovisioned are shown only when asked for."""
        rows = rows.filter(phase=self.phase) if self.phase else rows
        rows = rows if self.phase == Phase.DEPROVISIONED else rows.present()
        rows = rows.filter(plan=self.plan) if self.plan else rows
        rows = rows.filter(region=self.region) if self.region else rows
        rows = rows.filter(account__slug=self.account) if self.account else rows
        rows = rows.matching(self.q) if self.q else rows
        if self.label:
            key, equals, value = self.label.partition("=")
            rows = rows.labelled({key: value}) if equals else rows.filter(labels__has_key=key)
        return rows
