"""Checked parameters of one runtime, with every default filled in: frozen, typed, and back to JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zlib import crc32

from controlplane.catalog.plans import PlanFacts

# The worker pool that every runtime has, sized by machineType, autoScalerMin and autoScalerMax.
MAIN_POOL = "main"


@dataclass(frozen=True)
class Taint:
    """Keeps pods away from a node unless they tolerate it."""

    key: str
    value: str
    effect: str

    def as_json(self) -> dict[str, Any]:
        """In the request's vocabulary."""
        return {"key": self.key, "value": self.value, "effect": self.effect}


@dataclass(frozen=True)
class WorkerPool:
    """A group of like nodes; `zones` are chosen once and then kept."""

    name: str
    machine_type: str
    ha_zones: bool
    autoscaler_min: int
    autoscaler_max: int
    zones: tuple[str, ...]
    labels: Mapping[str, str]
    annotations: Mapping[str, str]
    taints: tuple[Taint, ...]

    def as_json(self) -> dict[str, Any]:
        """In the request's vocabulary, so without zones."""
        return {
            "name": self.name,
            "machineType": self.machine_type,
            "haZones": self.ha_zones,
            "autoScalerMin": self.autoscaler_min,
            "autoScalerMax": self.autoscaler_max,
            "labels": dict(self.labels),
            "annotations": dict(self.annotations),
            "taints": [taint.as_json() for taint in self.taints],
        }


@dataclass(frozen=True)
class OidcIssuer:
    """One identity provider of the runtime."""

    issuer_url: str
    client_id: str
    groups_claim: str
    username_claim: str
    username_prefix: str
    groups_prefix: str
    signing_algs: tuple[str, ...]
    required_claims: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """In the request's vocabulary."""
        return {
            "issuerURL": self.issuer_url,
            "clientID": self.client_id,
            "groupsClaim": self.groups_claim,
            "usernameClaim": self.username_claim,
            "usernamePrefix": self.username_prefix,
            "groupsPrefix": self.groups_prefix,
            "signingAlgs": list(self.signing_algs),
            "requiredClaims": list(self.required_claims),
        }


@dataclass(frozen=True)
class Networking:
    """Address ranges in CIDR notation."""

    nodes: str
    pods: str
    services: str

    def as_json(self) -> dict[str, Any]:
        """In the request's vocabulary."""
        return {"nodes": self.nodes, "pods": self.pods, "services": self.services}


@dataclass(frozen=True)
class ModuleChoice:
    """A module that the tenant wishes; an empty `channel` follows the runtime's."""

    name: str
    channel: str = ""
    custom_resource_policy: str = "CreateAndDelete"

    def as_json(self) -> dict[str, Any]:
        """In the request's vocabulary."""
        channel = {"channel": self.channel} if self.channel else {}
        return {"name": self.name, **channel, "customResourcePolicy": self.custom_resource_policy}


@dataclass(frozen=True)
class MaintenanceWindow:
    """Begin and end as HH:MM in `timezone`; an end before the begin means the next day."""

    begin: str
    end: str
    days: tuple[str, ...]
    timezone: str

    def as_json(self) -> dict[str, Any]:
        """In the request's vocabulary."""
        return {"begin": self.begin, "end": self.end, "days": list(self.days), "timezone": self.timezone}


@dataclass(frozen=True)
class Parameters:
    """What a runtime is built from; `pools[0]` is the main pool."""

    region: str
    channel: str
    pools: tuple[WorkerPool, ...]
    networking: Networking
    modules: tuple[ModuleChoice, ...]
    modules_default: bool | None  # None where the tenant gave a list
    oidc: tuple[OidcIssuer, ...]
    administrators: tuple[str, ...]
    ingress_filtering: bool
    allowed_cidrs: tuple[str, ...]
    maintenance_window: MaintenanceWindow | None

    @property
    def main_pool(self) -> WorkerPool:
        """The pool that every runtime has."""
        return self.pools[0]

    @property
    def additional_pools(self) -> tuple[WorkerPool, ...]:
        """The pools that the tenant added."""
        return self.pools[1:]

    def as_json(self) -> dict[str, Any]:
        """What a runtime's spec keeps: the request's vocabulary, every default, the zones by pool."""
        listed = [choice.as_json() for choice in self.modules]
        window = self.maintenance_window
        return {
            "region": self.region,
            "channel": self.channel,
            "machineType": self.main_pool.machine_type,
            "autoScalerMin": self.main_pool.autoscaler_min,
            "autoScalerMax": self.main_pool.autoscaler_max,
            "additionalWorkerNodePools": [pool.as_json() for pool in self.additional_pools],
            "networking": self.networking.as_json(),
            "modules": {"list": listed}
            if self.modules_default is None
            else {"default": self.modules_default},
            "oidc": {"list": [issuer.as_json() for issuer in self.oidc]},
            "administrators": list(self.administrators),
            "ingressFiltering": self.ingress_filtering,
            "accessControlList": {"allowedCIDRs": list(self.allowed_cidrs)},
            **({"maintenanceWindow": window.as_json()} if window else {}),
            "zones": {pool.name: list(pool.zones) for pool in self.pools},
        }


def fill(plan: PlanFacts, given: Mapping[str, Any], *, seed: str = "") -> Parameters:
    """Give every parameter its default; `given` fits the plan's schema, or is what `as_json` returned.

    `seed` spreads pools that use fewer zones than the region has; zones stored in `given` are kept.
    """
    networking = given.get("networking", {})
    access = given.get("accessControlList", {})
    chosen, by_default = _modules(plan, given.get("modules", {"default": True}))
    return Parameters(
        region=given["region"],
        channel=given.get("channel", plan.channel),
        pools=_pools(plan, given, seed),
        networking=Networking(
            nodes=networking.get("nodes", plan.networking.nodes),
            pods=networking.get("pods", plan.networking.pods),
            services=networking.get("services", plan.networking.services),
        ),
        modules=chosen,
        modules_default=by_default,
        oidc=_issuers(given.get("oidc", {"list": []})),
        administrators=tuple(given.get("administrators", ())),
        ingress_filtering=given.get("ingressFiltering", False),
        allowed_cidrs=tuple(access.get("allowedCIDRs", ())),
        maintenance_window=_window(given.get("maintenanceWindow")),
    )


def _pools(plan: PlanFacts, given: Mapping[str, Any], seed: str) -> tuple[WorkerPool, ...]:
    main = {"name": MAIN_POOL, "haZones": plan.zones_per_pool > 1}
    main |= {key: given[key] for key in ("machineType", "autoScalerMin", "autoScalerMax") if key in given}
    main.setdefault("machineType", plan.machine_types[0].name)
    kept = given.get("zones", {})
    return tuple(
        _pool(plan, entry, region=given["region"], kept=kept.get(entry["name"], ()), seed=seed)
        for entry in (main, *given.get("additionalWorkerNodePools", ()))
    )


def _pool(
    plan: PlanFacts, given: Mapping[str, Any], *, region: str, kept: tuple[str, ...] | list[str], seed: str
) -> WorkerPool:
    ha_zones = given.get("haZones", plan.zones_per_pool > 1)
    place, machine = plan.region(region), plan.machine_type(given["machineType"])
    available = machine.zones_in(place) if machine and place else ()
    wanted = plan.zones_per_pool if ha_zones else 1
    return WorkerPool(
        name=given["name"],
        machine_type=given["machineType"],
        ha_zones=ha_zones,
        autoscaler_min=int(given.get("autoScalerMin", plan.nodes.minimum)),
        autoscaler_max=int(given.get("autoScalerMax", plan.nodes.maximum)),
        zones=tuple(kept) or _choose_zones(available, wanted, seed),
        labels=dict(given.get("labels", {})),
        annotations=dict(given.get("annotations", {})),
        taints=tuple(
            Taint(taint["key"], taint.get("value", ""), taint["effect"]) for taint in given.get("taints", ())
        ),
    )


def _choose_zones(available: tuple[str, ...], wanted: int, seed: str) -> tuple[str, ...]:
    if not available or wanted >= len(available):
        return available
    # Rotated by the seed, or the first zone of every region would carry all the single-zone runtimes.
    start = crc32(seed.encode("utf-8", "replace")) % len(available)
    chosen = {available[(start + offset) % len(available)] for offset in range(wanted)}
    return tuple(zone for zone in available if zone in chosen)


def _modules(plan: PlanFacts, given: Mapping[str, Any]) -> tuple[tuple[ModuleChoice, ...], bool | None]:
    if "list" in given:
        listed = tuple(
            ModuleChoice(
                entry["name"],
                entry.get("channel", ""),
                entry.get("customResourcePolicy", "CreateAndDelete"),
            )
            for entry in given["list"]
        )
        return listed, None
    return tuple(ModuleChoice(name) for name in plan.default_modules if given["default"]), given["default"]


def _issuers(given: Mapping[str, Any]) -> tuple[OidcIssuer, ...]:
    entries = given.get("list", [given])
    return tuple(
        OidcIssuer(
            issuer_url=entry["issuerURL"],
            client_id=entry["clientID"],
            groups_claim=entry.get("groupsClaim", "groups"),
            username_claim=entry.get("usernameClaim", "sub"),
            username_prefix=entry.get("usernamePrefix", "-"),
            groups_prefix=entry.get("groupsPrefix", "-"),
            signing_algs=tuple(entry.get("signingAlgs", ("RS256",))),
            required_claims=tuple(entry.get("requiredClaims", ())),
        )
        for entry in entries
    )


def _window(given: Mapping[str, Any] | None) -> MaintenanceWindow | None:
    if given is None:
        return None
    days = tuple(given.get("days", ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")))
    return MaintenanceWindow(given["begin"], given["end"], days, given.get("timezone", "UTC"))
