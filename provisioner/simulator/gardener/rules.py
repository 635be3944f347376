"""What Gardener demands of a Shoot: each rule adds causes, and the answer lists them all."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from provisioner.simulator.errors import Json, cause
from provisioner.simulator.gardener import skew
from provisioner.simulator.gardener.versions import is_expired, number

MAX_NAMES = 21
MAX_POOL_NAME = 15
REQUIRED, UNSUPPORTED, FORBIDDEN = "FieldValueRequired", "FieldValueNotSupported", "FieldValueForbidden"
PURPOSES = ("evaluation", "testing", "development", "production")
EFFECTS = ("NoSchedule", "PreferNoSchedule", "NoExecute")
_LABEL = re.compile(r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
_WINDOW = re.compile(r"^([01]\d|2[0-3])[0-5]\d[0-5]\d[+-]\d{4}$")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a Shoot is judged against."""

    project: str
    profile: Json | None
    credentials_provider: str | None
    old: Json | None


def required(path: str, why: str) -> Json:
    """Return the cause for a missing field."""
    return cause(path, f"Required value: {why}", REQUIRED)


def wrong(path: str, value: Any, why: str) -> Json:
    """Return the cause for an invalid value."""
    shown = f'"{value}"' if isinstance(value, str) else value
    return cause(path, f"Invalid value: {shown}: {why}")


def unsupported(path: str, value: Any, known: list[str]) -> Json:
    """Return the cause for a value that is not on offer."""
    listed = ", ".join(f'"{each}"' for each in known)
    return cause(path, f'Unsupported value: "{value}": supported values: {listed}', UNSUPPORTED)


def forbidden(path: str, why: str) -> Json:
    """Return the cause for a field that must not be set."""
    return cause(path, f"Forbidden: {why}", FORBIDDEN)


def check(shoot: Json, around: Surroundings) -> list[Json]:
    """Return every cause against a Shoot, none when it is admitted."""
    spec = shoot["spec"]
    return [
        *_name(shoot["metadata"]["name"], around),
        *_references(spec, around),
        *_kubernetes(spec, around),
        *_region(spec, around),
        *_workers(spec, around),
        *_networks(spec),
        *_rest(spec),
    ]


def _name(name: str, around: Surroundings) -> Iterator[Json]:
    if not _LABEL.match(name):
        yield wrong("metadata.name", name, "must consist of lower case letters, digits or '-'")
    if len(name) + len(around.project) > MAX_NAMES:
        yield wrong(
            "metadata.name",
            name,
            f"the length of the shoot name and the project name must not exceed {MAX_NAMES} characters "
            f"(project: {around.project}; shoot: {name})",
        )
    if "--" in name:
        yield wrong("metadata.name", name, "name may not contain two consecutive hyphens")


def _references(spec: Json, around: Surroundings) -> Iterator[Json]:
    if "cloudProfileName" in spec:
        yield forbidden("spec.cloudProfileName", "use spec.cloudProfile instead")
    if "secretBindingName" in spec:
        yield forbidden("spec.secretBindingName", "use spec.credentialsBindingName instead")
    reference = spec.get("cloudProfile")
    if not isinstance(reference, dict) or not reference.get("name"):
        yield required("spec.cloudProfile.name", "must specify a cloud profile")
    elif around.profile is None:
        yield wrong("spec.cloudProfile", reference["name"], "could not find the cloud profile")
    provider = (spec.get("provider") or {}).get("type")
    if not provider:
        yield required("spec.provider.type", "must specify a provider type")
    elif around.profile is not None and around.profile["spec"]["type"] != provider:
        yield wrong(
            "spec.provider.type",
            provider,
            "provider type in shoot must equal provider type of the CloudProfile",
        )
    binding = spec.get("credentialsBindingName")
    if not binding:
        yield required("spec.credentialsBindingName", "must specify a credentials binding")
    elif around.credentials_provider is None:
        yield wrong("spec.credentialsBindingName", binding, "could not find the credentials binding")
    elif provider and around.credentials_provider != provider:
        yield wrong(
            "spec.credentialsBindingName",
            binding,
            f"is for {around.credentials_provider}, not for {provider}",
        )


def _kubernetes(spec: Json, around: Surroundings) -> Iterator[Json]:
    path, wanted = "spec.kubernetes.version", spec["kubernetes"].get("version")
    if not isinstance(wanted, str) or not wanted:
        yield required(path, "kubernetes version must not be empty")
        return
    before = ((around.old or {}).get("spec") or {}).get("kubernetes", {}).get("version")
    if around.profile is not None and wanted != before:
        offers = around.profile["spec"]["kubernetes"]["versions"]
        found = next((each for each in offers if each["version"] == wanted), None)
        if found is None or is_expired(found):
            yield unsupported(path, wanted, [each["version"] for each in offers if not is_expired(each)])
    if before and wanted != before:
        new, old = number(wanted), number(before)
        if new < old:
            yield forbidden(path, "kubernetes version downgrade is not supported")
        elif new[:1] == old[:1] and new[1] > old[1] + 1:
            yield forbidden(path, "kubernetes version upgrade cannot skip a minor version")


def _region(spec: Json, around: Surroundings) -> Iterator[Json]:
    region = spec.get("region")
    if not region:
        yield required("spec.region", "must specify a region")
    elif around.profile is not None:
        known = [each["name"] for each in around.profile["spec"]["regions"]]
        if region not in known:
            yield unsupported("spec.region", region, known)


def _workers(spec: Json, around: Surroundings) -> Iterator[Json]:
    path = "spec.provider.workers"
    workers = (spec.get("provider") or {}).get("workers")
    if not isinstance(workers, list) or not workers or not all(isinstance(each, dict) for each in workers):
        yield required(path, "must specify at least one worker pool")
        return
    names = [each.get("name") for each in workers]
    system = False
    for index, worker in enumerate(workers):
        where = f"{path}[{index}]"
        if names.index(worker.get("name")) != index:
            yield cause(f"{where}.name", f'Duplicate value: "{worker.get("name")}"', "FieldValueDuplicate")
        yield from _pool(where, worker, spec, around)
        if (worker.get("systemComponents") or {}).get("allow") and worker.get("maximum", 0) != 0:
            system = True
            zones = worker.get("zones") or []
            if isinstance(worker.get("maximum"), int) and worker["maximum"] < len(zones):
                yield forbidden(
                    f"{where}.maximum",
                    "maximum must be greater than or equal to the number of zones if system components are allowed",
                )
    if not system:
        yield forbidden(path, "at least one active worker pool with systemComponents.allow=true is needed")


def _pool(where: str, worker: Json, spec: Json, around: Surroundings) -> Iterator[Json]:
    name = worker.get("name")
    if not isinstance(name, str) or not name:
        yield required(f"{where}.name", "must specify a worker pool name")
    elif not _LABEL.match(name) or len(name) > MAX_POOL_NAME:
        yield wrong(f"{where}.name", name, "must be a DNS label of at most 15 characters")
    least, most = worker.get("minimum"), worker.get("maximum")
    for field_name, value in (("minimum", least), ("maximum", most)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            yield wrong(f"{where}.{field_name}", value, "must be a whole number, zero or more")
    if isinstance(least, int) and isinstance(most, int) and most < least:
        yield forbidden(f"{where}.maximum", "maximum must be greater than or equal to minimum")
    for index, taint in enumerate(worker.get("taints") or []):
        if not isinstance(taint, dict) or not taint.get("key"):
            yield required(f"{where}.taints[{index}].key", "must specify a key")
        elif taint.get("effect") not in EFFECTS:
            yield unsupported(f"{where}.taints[{index}].effect", taint.get("effect"), list(EFFECTS))
    yield from skew.check_pool(f"{where}.kubernetes.version", worker, spec, around.old)
    if around.profile is not None:
        yield from _offered(where, worker, str(spec.get("region", "")), around.profile["spec"])


def _offered(where: str, worker: Json, region: str, profile: Json) -> Iterator[Json]:
    machine = worker.get("machine") or {}
    types = {each["name"]: each for each in profile["machineTypes"]}
    kind = machine.get("type")
    if not kind:
        yield required(f"{where}.machine.type", "must specify a machine type")
    elif kind not in types:
        yield unsupported(f"{where}.machine.type", kind, list(types))
    elif machine.get("architecture") != types[kind]["architecture"]:
        yield unsupported(
            f"{where}.machine.architecture", machine.get("architecture"), [types[kind]["architecture"]]
        )
    image = machine.get("image") or {}
    versions = [
        each["version"]
        for known in profile["machineImages"]
        if known["name"] == image.get("name")
        for each in known["versions"]
    ]
    if image.get("version") not in versions:
        shown = f"{image.get('name')}:{image.get('version')}"
        yield unsupported(
            f"{where}.machine.image", shown, [f"{image.get('name')}:{each}" for each in versions]
        )
    known_zones = [
        zone["name"] for each in profile["regions"] if each["name"] == region for zone in each["zones"]
    ]
    zones = worker.get("zones") or []
    if not zones and profile["type"] != "azure":
        yield required(f"{where}.zones", "at least one zone must be configured for this worker pool")
    for index, zone in enumerate(zones):
        if known_zones and zone not in known_zones:
            yield unsupported(f"{where}.zones[{index}]", zone, known_zones)
        if zones.index(zone) != index:
            yield cause(f"{where}.zones[{index}]", f'Duplicate value: "{zone}"', "FieldValueDuplicate")
    volume = worker.get("volume") or {}
    kinds = [each["name"] for each in profile["volumeTypes"]]
    if volume.get("type") and volume["type"] not in kinds:
        yield unsupported(f"{where}.volume.type", volume["type"], kinds)


def _networks(spec: Json) -> Iterator[Json]:
    networking = spec["networking"]
    ranges: list[tuple[str, Any]] = []
    for name in ("nodes", "pods", "services"):
        text = networking.get(name)
        if text is None:
            if name == "nodes":
                yield required("spec.networking.nodes", "nodes must be specified")
            continue
        if not isinstance(text, str):
            yield wrong(f"spec.networking.{name}", text, "must be a string")
            continue
        try:
            ranges.append((name, ipaddress.ip_network(text, strict=True)))
        except ValueError as error:
            yield wrong(f"spec.networking.{name}", text, str(error))
    for index, (name, network) in enumerate(ranges):
        for other, earlier in ranges[:index]:
            if network.version == earlier.version and network.overlaps(earlier):
                yield wrong(
                    f"spec.networking.{name}",
                    str(network),
                    f'must not overlap with "spec.networking.{other}" ("{earlier}")',
                )


def _rest(spec: Json) -> Iterator[Json]:
    if spec.get("addons"):
        yield forbidden("spec.addons", "addons are forbidden for Kubernetes >= 1.35")
    if spec["purpose"] not in PURPOSES:
        yield unsupported("spec.purpose", spec["purpose"], list(PURPOSES))
    window = spec["maintenance"].get("timeWindow") or {}
    for side in ("begin", "end"):
        if not _WINDOW.match(str(window.get(side, ""))):
            yield wrong(
                f"spec.maintenance.timeWindow.{side}", window.get(side), "must be of the form HHMMSS+ZZZZ"
            )
