"""What a JSON Schema can't say about parameters: one function per subject, each fault with its own code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cache
from urllib.parse import urlsplit
from zoneinfo import available_timezones

from controlplane.catalog.networks import check_networks, cidr_complaint, read_network
from controlplane.catalog.parameters import MAIN_POOL, Parameters, WorkerPool
from controlplane.catalog.plans import MachineTypeFacts, PlanFacts, RegionFacts
from controlplane.kernel.errors import FieldError
from controlplane.kernel.sentences import choices, shown

# Names of pools that the drivers use themselves.
SYSTEM_POOL = "system"
RESERVED_POOL_NAMES = (MAIN_POOL, SYSTEM_POOL)
# Kubernetes and Gardener own these domains on nodes, kubelets refuse them or controllers overwrite them; the last one is our own,
# and a pool that bore its marks would pass for the platform's.
RESERVED_DOMAINS = ("kubernetes.io", "k8s.io", "gardener.cloud", "nesoi.dev")
# Gardener's bounds of a maintenance time window (pkg/api/core/validation/shoot.go).
WINDOW_MINUTES = (30, 360)


def check_rules(plan: PlanFacts, parameters: Parameters) -> list[FieldError]:
    """Every fault of parameters that fit the schema."""
    rules = (check_pools, check_networks, check_access, check_modules, check_window)
    return [fault for rule in rules for fault in rule(plan, parameters)]


def check_pools(plan: PlanFacts, parameters: Parameters) -> Iterator[FieldError]:
    """Machine types where they exist, zones for high availability, bounds in order, names unique."""
    region = plan.region(parameters.region)
    for index, pool in enumerate(parameters.pools):
        prefix = f"parameters.additionalWorkerNodePools.{index - 1}" if index else "parameters"
        if region is not None:
            yield from _check_machine(plan, region, pool, f"{prefix}.machineType")
        yield from _check_bounds(plan, pool, prefix)
        yield from _check_taints(pool, prefix)
        for kind, keys in (("labels", pool.labels), ("annotations", pool.annotations)):
            yield from (_reserved(f"{prefix}.{kind}", key) for key in keys if _is_reserved(key))
    yield from _check_names(parameters)


def _check_machine(
    plan: PlanFacts, region: RegionFacts, pool: WorkerPool, field: str
) -> Iterator[FieldError]:
    machine = plan.machine_type(pool.machine_type)
    if machine is None:
        offered = [entry.name for entry in plan.pool_machine_types]
        detail = f"{field} can't be {shown(pool.machine_type)}. {choices(offered, pool.machine_type)}"
        yield FieldError(field, "machine_type_not_in_plan", detail)
        return
    available = machine.zones_in(region)
    needed = plan.zones_per_pool if pool.ha_zones else 1
    others = plan.machine_types if pool.name == MAIN_POOL else plan.pool_machine_types
    if not available:
        remedy = _places(plan, machine, others, region, needed)
        detail = f"{field}: {machine.name} is not available in region {region.name}. {remedy}"
        yield FieldError(field, "machine_type_not_in_region", detail)
    elif len(available) < needed:
        remedy = _places(plan, machine, others, region, needed)
        off = "" if pool.name == MAIN_POOL else " Or set haZones to false."
        detail = (
            f"{field}: {machine.name} has {len(available)} zone(s) in region {region.name}, but "
            f"high availability needs {needed}. {remedy}{off}"
        )
        yield FieldError(field, "machine_type_without_zones", detail)
    elif not set(pool.zones) <= set(available):
        detail = (
            f"{field}: {machine.name} is not available in every zone of this pool ({', '.join(pool.zones)}); "
            f"choose another machine type, or add a new pool and remove this one."
        )
        yield FieldError(field, "machine_type_not_in_zones", detail)


def _places(
    plan: PlanFacts,
    machine: MachineTypeFacts,
    others: tuple[MachineTypeFacts, ...],
    region: RegionFacts,
    needed: int,
) -> str:
    regions = [entry.name for entry in plan.regions if len(machine.zones_in(entry)) >= needed]
    fitting = [other for other in others if len(other.zones_in(region)) >= needed]
    alike = [other.name for other in sorted(fitting, key=lambda other: _distance(machine, other))]
    there = f"Take another region ({', '.join(regions[:5])}) or" if regions else "Take"
    return f"{there} another machine type ({', '.join(alike[:5])})."


def _distance(wanted: MachineTypeFacts, other: MachineTypeFacts) -> tuple[bool, int, bool]:
    different = other.architecture != wanted.architecture
    return (other.gpus > 0) != (wanted.gpus > 0), abs(other.vcpu - wanted.vcpu), different


def _check_bounds(plan: PlanFacts, pool: WorkerPool, prefix: str) -> Iterator[FieldError]:
    field = f"{prefix}.autoScalerMin"
    if pool.autoscaler_min > pool.autoscaler_max:
        detail = (
            f"{field} is {pool.autoscaler_min}, but autoScalerMax is {pool.autoscaler_max}; "
            f"lower the minimum or raise the maximum."
        )
        yield FieldError(field, "minimum_above_maximum", detail)
    if pool.name != MAIN_POOL and pool.ha_zones and pool.autoscaler_min < plan.zones_per_pool:
        detail = (
            f"{field} is {pool.autoscaler_min}, but a pool over {plan.zones_per_pool} zones needs a node "
            f"in each; set at least {plan.zones_per_pool}, or haZones to false."
        )
        yield FieldError(field, "ha_minimum_too_low", detail)


def _check_names(parameters: Parameters) -> Iterator[FieldError]:
    seen: set[str] = set()
    for index, pool in enumerate(parameters.additional_pools):
        field = f"parameters.additionalWorkerNodePools.{index}.name"
        if pool.name in RESERVED_POOL_NAMES:
            detail = f"{field} is {pool.name!r}, which names the runtime's own pool; choose another name."
            yield FieldError(field, "pool_name_reserved", detail)
        elif pool.name in seen:
            detail = (
                f"{field} is {pool.name!r}, which an earlier pool is called already; choose another name."
            )
            yield FieldError(field, "pool_name_taken", detail)
        seen.add(pool.name)


def _check_taints(pool: WorkerPool, prefix: str) -> Iterator[FieldError]:
    seen: set[tuple[str, str]] = set()
    for index, taint in enumerate(pool.taints):
        field = f"{prefix}.taints.{index}"
        if _is_reserved(taint.key):
            yield _reserved(f"{field}.key", taint.key)
        if (taint.key, taint.effect) in seen:
            detail = f"{field} repeats {taint.key!r} with the effect {taint.effect}; remove one."
            yield FieldError(field, "taint_invalid", detail)
        seen.add((taint.key, taint.effect))


def _is_reserved(key: str) -> bool:
    domain = key.split("/", maxsplit=1)[0] if "/" in key else ""
    return any(domain == owned or domain.endswith(f".{owned}") for owned in RESERVED_DOMAINS)


def _reserved(field: str, key: str) -> FieldError:
    detail = f"{field}: the domain of {key!r} belongs to Kubernetes, Gardener or the platform; use a domain of your own."
    return FieldError(field, "key_reserved", detail)


def check_access(_: PlanFacts, parameters: Parameters) -> Iterator[FieldError]:
    """Issuers by https and once each, no administrator of Kubernetes' own, readable address ranges."""
    seen: set[str] = set()
    for index, issuer in enumerate(parameters.oidc):
        field = "parameters.oidc" if len(parameters.oidc) == 1 else f"parameters.oidc.list.{index}"
        if not _is_issuer(issuer.issuer_url):
            detail = (
                f"{field}.issuerURL is {shown(issuer.issuer_url)}, but must be an https address without "
                f"user, query or fragment, for example https://login.example.com."
            )
            yield FieldError(f"{field}.issuerURL", "oidc_url_invalid", detail)
        if issuer.issuer_url in seen:
            detail = f"{field}.issuerURL is named by an earlier entry already; keep one entry per issuer."
            yield FieldError(f"{field}.issuerURL", "oidc_issuer_taken", detail)
        seen.add(issuer.issuer_url)
    for index, user in enumerate(parameters.administrators):
        if user.startswith("system:"):
            field = f"parameters.administrators.{index}"
            detail = f"{field} is {shown(user)}, but names with system: belong to Kubernetes; remove it."
            yield FieldError(field, "administrator_reserved", detail)
    for index, cidr in enumerate(parameters.allowed_cidrs):
        if read_network(cidr) is None:
            field = f"parameters.accessControlList.allowedCIDRs.{index}"
            yield FieldError(field, "cidr_invalid", f"{field} {cidr_complaint(cidr)}")


def _is_issuer(text: str) -> bool:
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    plain = not (parts.query or parts.fragment or parts.username or parts.password)
    return parts.scheme == "https" and bool(parts.hostname) and plain


def check_modules(_: PlanFacts, parameters: Parameters) -> Iterator[FieldError]:
    """Every module once; the schema knows the names."""
    counted = Counter(choice.name for choice in parameters.modules)
    for name, times in counted.items():
        if times > 1:
            detail = f"parameters.modules.list names {name} {times} times; keep one entry."
            yield FieldError("parameters.modules.list", "module_taken", detail)


def check_window(_: PlanFacts, parameters: Parameters) -> Iterator[FieldError]:
    """A time zone that exists, and a length that Gardener accepts; the end may lie on the next day."""
    window = parameters.maintenance_window
    if window is None:
        return
    zones = _timezones()
    if window.timezone not in zones:
        field = "parameters.maintenanceWindow.timezone"
        near = choices(sorted(zones), window.timezone)
        guess = near.split("? ")[0] + "?" if "? " in near else "Take an IANA name, for example Europe/Berlin."
        yield FieldError(field, "timezone_unknown", f"{field} can't be {shown(window.timezone)}. {guess}")
    minutes = (_minutes(window.end) - _minutes(window.begin)) % (24 * 60)
    least, most = WINDOW_MINUTES
    if not least <= minutes <= most:
        field = "parameters.maintenanceWindow.end"
        detail = (
            f"{field}: from {window.begin} to {window.end} are {minutes} minutes; a window lasts "
            f"between {least} and {most} minutes, and may pass midnight."
        )
        yield FieldError(field, "window_length", detail)


@cache
def _timezones() -> frozenset[str]:
    # Reading the names walks the whole time zone database.
    return frozenset(available_timezones())


def _minutes(clock: str) -> int:
    hours, minutes = clock.split(":")
    return int(hours) * 60 + int(minutes)
