"""Questions asked of runtimes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

from django.db.models import Q

from controlplane.tenants.models import TenantQuerySet


class RuntimeQuerySet(TenantQuerySet):
    """Runtimes of one tenant, narrowed by what people look for."""

    def present(self) -> Self:
        """Leave out what is deprovisioned."""
        return self.filter(deleted_at__isnull=True)

    def labelled(self, labels: Mapping[str, str]) -> Self:
        """Those that carry all of these labels (rides on the GIN index)."""
        return self.filter(labels__contains=dict(labels))

    def matching(self, text: str) -> Self:
        """Those whose name, cluster name, account, region or plan contains the text."""
        found = Q()
        for field in ("name", "cluster_name", "account__slug", "region", "plan__key"):
            found |= Q(**{f"{field}__icontains": text})
        return self.filter(found)
