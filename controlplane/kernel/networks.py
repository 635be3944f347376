"""What counts as one customer among addresses. Pure."""

from __future__ import annotations

from ipaddress import ip_address


def customer_of(address: str) -> str:
    """Return an IPv4 address as it is, and of an IPv6 address the /64 that one customer has at least."""
    if ":" not in address:
        return address
    try:
        found = ip_address(address.partition("%")[0])
    except ValueError:
        return address
    mapped = getattr(found, "ipv4_mapped", None)
    return str(mapped) if mapped else found.packed[:8].hex()
