"""Names of what figures are about; what went to another tenant has none here."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from billing.costs.breakdown import By, Figure
from billing.costs.months import Month
from billing.meters.registry import meters
from controlplane.tenants.models import Account
from provisioner.runtimes.models import Runtime

WHOLE_TENANT, NO_DAY = "The tenant as a whole", "Not of a single day"


def names_of(months: Iterable[Month]) -> dict[str, str]:
    """Return {id: name} of the accounts and runtimes in some months; two statements."""
    accounts, runtimes = set(), set()
    for month in months:
        accounts |= {cell.account for cell in month.cells} | {life.account for life in month.lives}
        runtimes |= {cell.runtime for cell in month.cells} | {life.runtime for life in month.lives}
    return named(accounts, runtimes)


def named(accounts: Iterable[str], runtimes: Iterable[str]) -> dict[str, str]:
    """Return the names of these."""
    found = {
        str(key): name
        for key, name in Account.objects.filter(pk__in=[one for one in accounts if one]).values_list(
            "id", "name"
        )
    }
    rows = Runtime.objects.filter(pk__in=[one for one in runtimes if one]).values_list("id", "name")
    return found | {str(key): name for key, name in rows}


def title_of(figure: Figure, by: By, names: Mapping[str, str]) -> str:
    """Return what a figure is called: a name, a meter's title, or the day itself; empty where its name is not known here."""
    if not figure.key:
        return NO_DAY if by is By.DAY else WHOLE_TENANT
    if by is By.METER:
        meter = meters().get(figure.key)
        return meter.title if meter else figure.key
    return figure.key if by is By.DAY else names.get(figure.key, "")
