"""Whether a runtime's address ranges are valid, private, large enough and free of overlap."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_network
from itertools import combinations

from controlplane.catalog.parameters import Networking, Parameters
from controlplane.catalog.plans import PlanFacts
from controlplane.kernel.errors import FieldError

# RFC 1918 and RFC 6598: any other range would hide public addresses from the runtime.
PRIVATE = tuple(
    IPv4Network(cidr) for cidr in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10")
)
# Nodes: managed Kyma's broker asks for a suffix of at most 23, as the range is split over zones.
# Pods: the controller manager hands every node a /24 (kube-controller-manager --node-cidr-mask-size).
SMALLEST = {"nodes": 23, "pods": 23, "services": 24}
NODE_POD_PREFIX = 24
RESERVED_PER_ZONE = 5  # addresses that AWS, the strictest provider, keeps of every subnet


def check_networks(plan: PlanFacts, parameters: Parameters) -> Iterator[FieldError]:
    """Faults of `parameters.networking`; a range that can't be read is reported alone."""
    parsed: dict[str, IPv4Network] = {}
    for name in SMALLEST:
        field, text = f"parameters.networking.{name}", getattr(parameters.networking, name)
        network = read_network(text)
        if isinstance(network, IPv4Network):
            parsed[name] = network
            yield from _check_range(name, field, network)
        else:
            yield FieldError(field, "cidr_invalid", f"{field} {cidr_complaint(text)}")
    yield from _check_overlaps(plan, parameters.networking, parsed)
    yield from _check_room(parameters, parsed, plan.system_pool.maximum if plan.system_pool else 0)


@lru_cache(maxsize=4096)
def read_network(text: str) -> IPv4Network | IPv6Network | None:
    """A network in CIDR notation whose host bits are zero, or None."""
    try:
        return ip_network(text, strict=True)
    except ValueError:
        return None


def cidr_complaint(text: str) -> str:
    """What is wrong with a range that `read_network` refuses, and a range that it would take."""
    try:
        nearest = ip_network(text, strict=False)
    except ValueError:
        return f"is {text[:60]!r}, which is not an address range; write it like 10.250.0.0/16."
    return f"is {text!r}, whose address lies inside its own range; did you mean {nearest}?"


def _check_range(name: str, field: str, network: IPv4Network) -> Iterator[FieldError]:
    if not any(network.subnet_of(private) for private in PRIVATE):
        allowed = ", ".join(str(private) for private in PRIVATE)
        detail = f"{field} is {network}, but must lie within a private range: {allowed}."
        yield FieldError(field, "network_not_private", detail)
    if network.prefixlen > SMALLEST[name]:
        detail = f"{field} is {network}; take a larger range, /{SMALLEST[name]} at the least."
        yield FieldError(field, "network_too_small", detail)


def _check_overlaps(
    plan: PlanFacts, networking: Networking, parsed: dict[str, IPv4Network]
) -> Iterator[FieldError]:
    for first, second in combinations(parsed, 2):
        if parsed[first].overlaps(parsed[second]):
            field = f"parameters.networking.{second}"
            detail = f"{field} ({parsed[second]}) overlaps {first} ({parsed[first]}); choose ranges apart."
            yield FieldError(field, "networks_overlap", detail)
    for reserved in plan.networking.reserved:
        for name, network in parsed.items():
            taken = read_network(reserved.cidr)
            if isinstance(taken, IPv4Network) and network.overlaps(taken):
                field = f"parameters.networking.{name}"
                detail = (
                    f"{field} ({network}) overlaps {reserved.cidr}, {reserved.reason}; choose another range."
                )
                yield FieldError(field, "network_reserved", detail)


def _check_room(
    parameters: Parameters, parsed: dict[str, IPv4Network], system_nodes: int
) -> Iterator[FieldError]:
    nodes_max = sum(pool.autoscaler_max for pool in parameters.pools) + system_nodes
    zones = len({zone for pool in parameters.pools for zone in pool.zones}) or 1
    fitting: dict[str, Callable[[IPv4Network], int]] = {
        "nodes": lambda network: network.num_addresses - zones * RESERVED_PER_ZONE,
        "pods": lambda network: int(2 ** max(0, NODE_POD_PREFIX - network.prefixlen)),
    }
    for name, nodes_that_fit in fitting.items():
        if name in parsed and parsed[name].prefixlen <= SMALLEST[name]:
            fit = nodes_that_fit(parsed[name])
            if fit < nodes_max:
                field = f"parameters.networking.{name}"
                detail = (
                    f"{field} ({parsed[name]}) holds {fit} nodes, but the pools may grow to {nodes_max}; "
                    f"take a larger range or lower autoScalerMax."
                )
                yield FieldError(field, "network_too_small", detail)
