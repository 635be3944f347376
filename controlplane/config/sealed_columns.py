"""Every column that holds sealed values, and what each value is sealed for: `manage.py keys rewrap` walks them all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from controlplane.identity.models import IdentityProvider
from controlplane.notices.models import Notice, Webhook
from controlplane.notices.services import CONTEXT
from controlplane.notices.webhooks import CONTEXT as OF_WEBHOOKS
from provisioner.landscapes.models import Landscape


@dataclass(frozen=True)
class SealedColumn:
    """One column; `context` names what a row's value is sealed for."""

    model: Any
    column: str
    context: Callable[[Any], str]

    @property
    def name(self) -> str:
        """As PostgreSQL knows it."""
        return f"{self.model._meta.db_table}.{self.column}"  # noqa: SLF001 - public, whatever its name says


COLUMNS = (
    SealedColumn(Landscape, "credentials_sealed", lambda row: row.credentials_context),
    SealedColumn(IdentityProvider, "client_secret", lambda row: row.secret_context),
    SealedColumn(Notice, "sealed", lambda row: CONTEXT.format(id=row.id)),
    SealedColumn(Webhook, "sealed", lambda row: OF_WEBHOOKS.format(tenant=row.tenant_id, id=row.id)),
)
