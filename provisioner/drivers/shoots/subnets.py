"""Cuts the nodes' network into one block per zone, so that a zone keeps its block whatever is added later."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from ipaddress import IPv4Network, ip_network

from controlplane.kernel.errors import Audience, Fatal

_BLOCK_BITS = 3
_BLOCKS = 1 << _BLOCK_BITS
_LONGEST_PREFIX = 23  # an eighth of it, quartered, is a /28: the least that AWS takes for a subnet


def blocks_of(nodes: str, zones: Iterable[str]) -> Mapping[str, IPv4Network]:
    """Return {zone: an eighth of `nodes`}, in the zones' order; raises Fatal for a network too small or too many zones.

    Subnets can't be changed once built, so a zone's block depends on its own name: the last letter or number picks it
    (eu-central-1a and 1 the first, eu-central-1b and 2 the second). Names that clash take the next free one.
    """
    network = _network(nodes)
    blocks = list(network.subnets(prefixlen_diff=_BLOCK_BITS))
    ordered = list(dict.fromkeys(zones))
    if len(ordered) > _BLOCKS:
        raise Fatal(f"A cluster can span {_BLOCKS} zones, not {len(ordered)}.", code="too_many_zones")
    taken: dict[int, str] = {}
    for zone in sorted(ordered):
        at = _preferred(zone)
        while at in taken:
            at = (at + 1) % _BLOCKS
        taken[at] = zone
    places = {zone: blocks[at] for at, zone in taken.items()}
    return {zone: places[zone] for zone in ordered}


def _network(nodes: str) -> IPv4Network:
    try:
        network = ip_network(nodes)
    except ValueError:
        network = None
    if not isinstance(network, IPv4Network) or network.prefixlen > _LONGEST_PREFIX:
        raise Fatal(
            f"networking.nodes must be an IPv4 network of /{_LONGEST_PREFIX} or larger, not {nodes}.",
            code="nodes_network",
            audience=Audience.TENANT,
        )
    return network


def _preferred(zone: str) -> int:
    number = re.search(r"(\d+)$", zone)
    if number:
        return (int(number[1]) - 1) % _BLOCKS
    last = zone[-1:].lower()
    return (ord(last) - ord("a")) % _BLOCKS if last else 0
