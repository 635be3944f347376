"""Whose word counts about where a request came from: nobody's, unless TRUSTED_PROXIES names them. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

LONGEST_CHAIN = 32  # addresses of X-Forwarded-For that are looked at, from the right
_HOPS = re.compile(r"[0-9]{1,2}")
_WITH_PORT = re.compile(r"\[([0-9a-fA-F:.]{2,45})\](?::[0-9]{1,5})?|([0-9.]{7,15}):[0-9]{1,5}")


@dataclass(frozen=True)
class TrustedProxies:
    """Proxies that tell the truth in X-Forwarded-*: so many in front of us, or those of these networks."""

    hops: int = 0
    networks: tuple[IPv4Network | IPv6Network, ...] = ()

    @classmethod
    def read(cls, entries: Sequence[str]) -> TrustedProxies:
        """Return what TRUSTED_PROXIES says; raises ValueError with a sentence that says what to write."""
        written = [entry.strip() for entry in entries if entry.strip()]
        if len(written) == 1 and _HOPS.fullmatch(written[0]):
            return cls(hops=int(written[0]))
        try:
            networks = tuple(ip_network(entry) for entry in written)
        except ValueError as error:
            raise ValueError(
                f"TRUSTED_PROXIES is neither a number of proxies, as 1, nor networks, as 10.0.0.0/8: {error}."
            ) from error
        if any(network.prefixlen == 0 for network in networks):
            raise ValueError("TRUSTED_PROXIES trusts every address; name the networks of your proxies only.")
        return cls(networks=networks)

    def believes(self, peer: str) -> bool:
        """Whether what this neighbour says about the request counts."""
        return self.hops > 0 or self._is_ours(_address(peer))

    def client(self, peer: str, forwarded_for: str) -> str:
        """Return the right-most address that is no proxy of ours: `peer` itself, or one that a proxy of ours wrote down.

        Whatever stands left of it was sent by the client, and may be invented.
        """
        if not self.believes(peer):
            return peer
        chain = [entry.strip() for entry in forwarded_for.rsplit(",", LONGEST_CHAIN)[-LONGEST_CHAIN:]]
        if self.hops:  # the last of them wrote the last address, and so on
            found = _address(chain[-self.hops]) if self.hops <= len(chain) else None
            return str(found) if found else peer
        nearest = peer
        for entry in reversed(chain):
            found = _address(entry)
            if found is None:
                break
            nearest = str(found)
            if not self._is_ours(found):
                break
        return nearest

    def _is_ours(self, address: IPv4Address | IPv6Address | None) -> bool:
        return address is not None and any(address in network for network in self.networks)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    if ported := _WITH_PORT.fullmatch(text):
        text = ported[1] or ported[2]
    try:
        found = ip_address(text)
    except ValueError:
        return None
    mapped = found.ipv4_mapped if isinstance(found, IPv6Address) else None
    return mapped or found
