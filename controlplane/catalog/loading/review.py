"""What must agree between the catalog's files; every fault is noted, with its file and line."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Network

from controlplane.catalog.hops import numbers
from controlplane.catalog.loading.broker_ids import review_broker_ids
from controlplane.catalog.loading.catalog import Catalog, Row
from controlplane.catalog.loading.module_review import review_modules
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.schema import PARAMETERS
from controlplane.catalog.validation import check_parameters
from controlplane.kernel.errors import Refused
from controlplane.kernel.sentences import choices


def review_catalog(catalog: Catalog, *, today: date) -> None:
    """Raise CatalogInvalidError with every disagreement; `today` decides what may be called expired."""
    _review_machines(catalog)
    _review_kubernetes(catalog, today)
    _review_releases(catalog)
    _review_channels(catalog)
    for key, row in catalog.rows["plan"].items():
        _review_plan(catalog, key, row["definition"])
    review_broker_ids(catalog)
    review_modules(catalog)
    if not catalog.faults:
        _review_defaults(catalog)
    if catalog.faults:
        raise CatalogInvalidError(catalog.faults)


def _review_machines(catalog: Catalog) -> None:
    for key, row in catalog.rows["machine_type"].items():
        if (row["gpus"] > 0) != bool(row["gpu_model"]):
            detail = f"{key} must name both gpus and gpu_model, or neither."
            catalog.fault("machine_type", key, (), "gpu_incomplete", detail)
        for region, zones in row["zones"].items():
            known = catalog.rows["region"].get(f"{row['provider']}/{region}")
            if known is None:
                names = [entry["name"] for entry in catalog.of_provider("region", row["provider"])]
                detail = (
                    f"{key} names the region {region}, which is not in the catalog. {choices(names, region)}"
                )
                catalog.fault("machine_type", key, ("zones", region), "region_unknown", detail)
                continue
            for zone in sorted(set(zones) - set(known["zones"])):
                detail = f"{key} names the zone {zone} of {region}. {choices(known['zones'], zone)}"
                catalog.fault("machine_type", key, ("zones", region), "zone_unknown", detail)


def _review_kubernetes(catalog: Catalog, today: date) -> None:
    latest: tuple[date, str] | None = None
    ordered = sorted(catalog.rows["kubernetes_version"].items(), key=lambda item: int(item[0].split(".")[1]))
    for version, row in ordered:
        if not row["patch"].startswith(f"{version}."):
            detail = f"the patch {row['patch']} is not one of {version}."
            catalog.fault("kubernetes_version", version, ("patch",), "patch_of_another_minor", detail)
        expires_on = _expiry(catalog, version, row)
        if expires_on is None:
            continue
        if row["lifecycle"] == "expired" and expires_on > today:
            detail = (
                f"{version} is called expired, but expires on {expires_on}; call it deprecated until then."
            )
            catalog.fault("kubernetes_version", version, ("expires_on",), "lifecycle_dates", detail)
        if latest and expires_on < latest[0]:
            detail = f"{version} expires on {expires_on}, before the older {latest[1]} does ({latest[0]})."
            catalog.fault("kubernetes_version", version, ("expires_on",), "lifecycle_dates", detail)
        latest = (expires_on, version)


def _expiry(catalog: Catalog, version: str, row: Row) -> date | None:
    if row["expires_on"] is None:
        if row["lifecycle"] in ("deprecated", "expired"):
            detail = f"{version} is {row['lifecycle']}; add expires_on, so that its runtimes know until when."
            catalog.fault("kubernetes_version", version, (), "lifecycle_dates", detail)
        return None
    try:
        return date.fromisoformat(row["expires_on"])
    except ValueError:
        detail = f"{row['expires_on']} is not a day of the calendar."
        catalog.fault("kubernetes_version", version, ("expires_on",), "lifecycle_dates", detail)
        return None


def _review_releases(catalog: Catalog) -> None:
    modules = catalog.rows["module"]
    mandatory = [key for key, module in modules.items() if module["mandatory"]]
    for key, row in catalog.rows["release"].items():
        minor = row["kubernetes_version_id"]
        if minor not in catalog.rows["kubernetes_version"]:
            detail = f"Kubernetes {minor} is not in kubernetes.yaml; add it there, or take another version."
            catalog.fault("release", key, ("kubernetes",), "kubernetes_version_unknown", detail)
        for name in row["modules"]:
            if name not in modules:
                detail = f"there is no module {name}. {choices(list(modules), name)}"
                catalog.fault("release", key, ("modules", name), "module_unknown", detail)
        for name in mandatory:
            if name not in row["modules"]:
                detail = f"the mandatory module {name} is missing; add its version."
                catalog.fault("release", key, ("modules",), "module_missing", detail)
        _review_way(catalog, key, row)


def _review_way(catalog: Catalog, key: str, row: Row) -> None:
    """A release that must be passed lies before the one that requires it; its end is a day."""
    for index, name in enumerate(row["requires"]):
        other = catalog.rows["release"].get(name)
        if other is None:
            detail = f"it requires {name}, which is not there. {choices(list(catalog.rows['release']), name)}"
            catalog.fault("release", key, ("requires", index), "release_unknown", detail)
        elif _order(other) >= _order(row):
            detail = f"it requires {name}, which is not older; a runtime passes older releases only."
            catalog.fault("release", key, ("requires", index), "release_not_older", detail)
    if row["end_of_life"] is not None:
        try:
            date.fromisoformat(row["end_of_life"])
        except ValueError:
            detail = f"{row['end_of_life']} is not a day of the calendar."
            catalog.fault("release", key, ("end_of_life",), "end_of_life_invalid", detail)


def _order(row: Row) -> tuple[tuple[int, ...], tuple[int, ...]]:
    return numbers(row["kubernetes_patch"]), numbers(row["key"])


def _review_channels(catalog: Catalog) -> None:
    for key, row in catalog.rows["channel"].items():
        release = catalog.rows["release"].get(row["release_id"])
        if release is None:
            known = choices(list(catalog.rows["release"]), row["release_id"])
            detail = f"there is no release {row['release_id']}. {known}"
            catalog.fault("channel", key, ("release",), "release_unknown", detail)
            continue
        if release["draft"]:
            detail = f"release {release['key']} is a draft; take `draft: true` out of its file to publish it."
            catalog.fault("channel", key, ("release",), "release_unpublished", detail)
        version = catalog.rows["kubernetes_version"].get(release["kubernetes_version_id"])
        if version and version["lifecycle"] == "expired":
            detail = f"release {release['key']} has Kubernetes {version['version']}, which is expired; move the channel."
            catalog.fault("channel", key, ("release",), "kubernetes_version_expired", detail)


def _review_plan(catalog: Catalog, key: str, plan: Row) -> None:
    known = {
        "regions": [row["name"] for row in catalog.of_provider("region", plan["provider"])],
        "machine_types": [row["name"] for row in catalog.of_provider("machine_type", plan["provider"])],
        "default_modules": list(catalog.rows["module"]),
        "parameters": [name for name in PARAMETERS if name != "region"],
    }
    known["additional_machine_types"] = known["machine_types"]
    for field, names in known.items():
        for index, name in enumerate(plan[field]):
            if name not in names:
                detail = f"{field} names {name}, which is not in the catalog. {choices(names, name)}"
                catalog.fault("plan", key, (field, index), f"{field.rstrip('s')}_unknown", detail)
    if plan["channel"] not in catalog.rows["channel"]:
        detail = f"there is no channel {plan['channel']}. {choices(list(catalog.rows['channel']), plan['channel'])}"
        catalog.fault("plan", key, ("channel",), "channel_unknown", detail)
    _review_plan_sizes(catalog, key, plan)
    if "system_pool" in plan:
        _review_system_pool(catalog, key, plan)


def _review_system_pool(catalog: Catalog, key: str, plan: Row) -> None:
    pool, where = plan["system_pool"], ("system_pool",)
    machine = catalog.rows["machine_type"].get(f"{plan['provider']}/{pool['machine_type']}")
    if machine is None:
        names = [row["name"] for row in catalog.of_provider("machine_type", plan["provider"])]
        detail = f"system_pool names {pool['machine_type']}, which is not in the catalog. {choices(names, pool['machine_type'])}"
        catalog.fault("plan", key, where, "machine_type_unknown", detail)
    elif machine["zones"] and (missing := sorted(set(plan["regions"]) - machine["zones"].keys())):
        detail = f"{pool['machine_type']} of the system_pool does not exist in {', '.join(missing)}; choose another one."
        catalog.fault("plan", key, where, "machine_type_not_in_region", detail)
    if pool["minimum"] > pool["maximum"]:
        detail = "the system_pool's minimum is above its maximum; raise the maximum."
        catalog.fault("plan", key, where, "nodes_out_of_order", detail)


def _review_plan_sizes(catalog: Catalog, key: str, plan: Row) -> None:
    nodes = plan["nodes"]
    if not plan["zones_per_pool"] <= nodes["minimum"] <= nodes["maximum"] <= nodes["ceiling"]:
        detail = "zones_per_pool, minimum, maximum and ceiling must not fall in this order."
        catalog.fault("plan", key, ("nodes",), "nodes_out_of_order", detail)
    for index, name in enumerate(plan["machine_types"]):
        if name in plan["additional_machine_types"]:
            detail = f"{name} is in machine_types too, which additional pools may use anyway; remove one."
            catalog.fault("plan", key, ("machine_types", index), "machine_type_twice", detail)
        if catalog.rows["machine_type"].get(f"{plan['provider']}/{name}", {}).get("gpus"):
            detail = f"{name} has GPUs; move it to additional_machine_types."
            catalog.fault("plan", key, ("machine_types", index), "gpu_in_main_pool", detail)
    for index, entry in enumerate(plan["networking"]["reserved"]):
        try:
            IPv4Network(entry["cidr"])
        except ValueError as error:
            where = ("networking", "reserved", index)
            catalog.fault("plan", key, where, "cidr_invalid", f"reserved range: {error}.")


def _review_defaults(catalog: Catalog) -> None:
    """A plan whose defaults it would itself refuse can't be ordered: try them in each of its regions."""
    for key, row in catalog.rows["plan"].items():
        facts = catalog.plan_facts(key)
        releases = [
            catalog.rows["release"][channel["release_id"]] for channel in catalog.rows["channel"].values()
        ]
        for release in releases:
            for name in sorted(set(facts.default_modules) - set(release["modules"])):
                detail = f"default module {name} is missing in release {release['key']}, to which a channel points."
                catalog.fault("plan", key, ("default_modules",), "module_missing", detail)
        if row["state"] == "retired":
            continue
        for index, region in enumerate(facts.regions):
            try:
                check_parameters(facts, {"region": region.name})
            except Refused as refusal:
                detail = f"the defaults of this plan don't work in {region.name}: {refusal.detail}"
                catalog.fault("plan", key, ("regions", index), refusal.code, detail)
