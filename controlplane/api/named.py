"""What an address names is looked for before its body is judged: another tenant's is not there, whatever the body says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.db.models import QuerySet

from billing.costs.anomalies import visible_anomalies
from billing.costs.budgets import visible_budgets
from controlplane.api import scope
from controlplane.catalog.models import QuotaRequest
from controlplane.tenants.access import Actor
from controlplane.tenants.rights import seen_by

# By the name of the part in `urls`.
SEEN: Mapping[str, Callable[[Actor], QuerySet[Any]]] = {
    "runtime": scope.runtimes,
    "operation": scope.operations,
    "token": scope.tokens,
    "service_account": scope.service_accounts,
    "quota_request": lambda actor: seen_by(actor, QuotaRequest.objects.all()),
    "budget": visible_budgets,
    "anomaly": visible_anomalies,
}


def must_see(actor: Actor, named: Mapping[str, Any]) -> None:
    """Raise Refused 404 unless the actor can see what the parts of an address name; other parts say nothing here."""
    for noun, text in named.items():
        if noun == "tenant":
            scope.the_tenant(actor, str(text))
        elif noun == "account":
            scope.the_account(actor, str(text))
        elif noun in SEEN:
            scope.found(noun, str(text), SEEN[noun](actor))
