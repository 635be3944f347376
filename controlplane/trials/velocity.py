"""How often one network, domain or person may ask: counted in the rows themselves, so no cache can forget or double it."""

from __future__ import annotations

from datetime import datetime, timedelta
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.db import connection

from controlplane.kernel.errors import Refused
from controlplane.trials import queries
from controlplane.trials.addresses import Address

WINDOW = timedelta(hours=1)
MESSAGES_PER_PERSON = 3  # within the window; further ones are answered the same, and not written to


def network_of(client: str) -> str:
    """Return the /24 or /64 that an address belongs to: what one household or office commonly has."""
    try:
        address = ip_address(client)
    except ValueError:
        return "unknown"
    return str(ip_network(f"{address}/{64 if isinstance(address, IPv6Address) else 24}", strict=False))


def may_write_to(*, address: Address, network: str, now: datetime) -> bool:
    """Whether this person is written to once more; raises Refused too_many_sign_ups 429 for a network or a domain.

    In the caller's transaction: others of the same network and domain wait for its end.
    """
    domain = address.domain if address.organisation else ""  # millions share a public one
    with connection.cursor() as cursor:
        for key in sorted({f"trial:{network}", f"trial:{domain}", f"trial:{address.person.hex()}"}):
            cursor.execute(queries.LOCK_VELOCITY, {"key": key})
        cursor.execute(
            queries.COUNT_LATELY,
            {"network": network, "domain": domain, "person": address.person, "since": now - WINDOW},
        )
        of_network, of_domain, of_person = cursor.fetchone()
    if of_network >= settings.TRIAL_SIGN_UPS_PER_NETWORK or of_domain >= settings.TRIAL_SIGN_UPS_PER_DOMAIN:
        wait = int(WINDOW.total_seconds())
        detail = "Too many sign-ups came from your network or organisation; try again in an hour."
        raise Refused("too_many_sign_ups", detail, status=429, retry_after_seconds=wait)
    return bool(of_person < MESSAGES_PER_PERSON)
