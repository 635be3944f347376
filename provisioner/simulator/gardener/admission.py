"""How a Shoot comes in: defaulted, judged, and its one-time annotations taken off."""

from __future__ import annotations

from provisioner.simulator.endpoint import Endpoint, Strategy
from provisioner.simulator.errors import Json, cause, forbidden, invalid
from provisioner.simulator.gardener.changes import check_changes
from provisioner.simulator.gardener.defaults import fill_in
from provisioner.simulator.gardener.maintenance import raise_versions
from provisioner.simulator.gardener.names import CONFIRMATION, FINALIZER, GROUP, OPERATION
from provisioner.simulator.gardener.rules import Surroundings, check
from provisioner.simulator.store import read

MAINTAIN = "maintain"
KNOWN_OPERATIONS = ("reconcile", "retry", MAINTAIN)


def prepare(endpoint: Endpoint, shoot: Json, old: Json | None) -> None:
    """Default and validate a Shoot before a write; raises 422 with every cause."""
    name = shoot["metadata"]["name"]
    spec = shoot.get("spec")
    if not isinstance(spec, dict):
        raise invalid(
            GROUP, "Shoot", name, [cause("spec", "Required value: must not be empty", "FieldValueRequired")]
        )
    _take_types(shoot, name)
    profile = _profile(endpoint, spec)
    fill_in(spec, profile, old["spec"] if old else None)
    if profile is not None and (shoot["metadata"].get("annotations") or {}).get(OPERATION) == MAINTAIN:
        raise_versions(spec, profile["spec"])
    if old is None:
        _begin(shoot, spec)
    elif "seedName" in old["spec"]:
        spec.setdefault("seedName", old["spec"]["seedName"])
    around = Surroundings(
        project=project_of(endpoint, shoot["metadata"]["namespace"]),
        profile=profile,
        credentials_provider=_credentials_provider(endpoint, shoot),
        old=old,
    )
    deleting = old is not None and "deletionTimestamp" in old["metadata"]
    causes = [] if deleting else check(shoot, around)
    if old is not None:
        causes += check_changes(shoot, old)
    if causes:
        raise invalid(GROUP, "Shoot", name, causes)


def _begin(shoot: Json, spec: Json) -> None:
    finalizers = shoot["metadata"].setdefault("finalizers", [])
    if FINALIZER not in finalizers:
        finalizers.append(FINALIZER)
    spec.setdefault("seedName", f"seed-{(spec.get('provider') or {}).get('type')}")


def _take_types(shoot: Json, name: str) -> None:
    spec = shoot["spec"]
    expected = {
        "provider": dict,
        "networking": dict,
        "kubernetes": dict,
        "maintenance": dict,
        "hibernation": dict,
        "cloudProfile": dict,
        "region": str,
        "credentialsBindingName": str,
        "purpose": str,
    }
    causes = [
        cause(f"spec.{field}", f"Invalid value: must be {'an object' if kind is dict else 'a string'}")
        for field, kind in expected.items()
        if spec.get(field) is not None and not isinstance(spec[field], kind)
    ]
    if causes:
        raise invalid(GROUP, "Shoot", name, causes)


def _profile(endpoint: Endpoint, spec: Json) -> Json | None:
    name = (spec.get("cloudProfile") or {}).get("name")
    entry = endpoint.collection(GROUP, "cloudprofiles").get("", str(name))
    return read(entry) if entry else None


def _credentials_provider(endpoint: Endpoint, shoot: Json) -> str | None:
    bindings = endpoint.collection("security.gardener.cloud", "credentialsbindings")
    entry = bindings.get(shoot["metadata"]["namespace"], str(shoot["spec"].get("credentialsBindingName")))
    return str(read(entry)["provider"]["type"]) if entry else None


def project_of(endpoint: Endpoint, namespace: str) -> str:
    """Return the project a namespace belongs to; `garden-x` belongs to `x`."""
    entry = endpoint.collection("", "namespaces").get("", namespace)
    label = entry.labels.get("project.gardener.cloud/name") if entry else None
    return label or namespace.removeprefix("garden-")


def grows(old: Json, new: Json) -> bool:
    """Say whether the generation grows, and consume the annotations that ask for work.

    A spec rollout confined to the maintenance window waits for `maintain`.
    """
    annotations = new["metadata"].get("annotations") or {}
    asked = annotations.get(OPERATION, "")
    confined = new["spec"].get("maintenance", {}).get("confineSpecUpdateRollout")
    woken = old["spec"].get("hibernation") != new["spec"].get("hibernation")
    failed = ((old.get("status") or {}).get("lastOperation") or {}).get("state") == "Failed"
    if asked in KNOWN_OPERATIONS and (asked != "retry" or failed):
        annotations.pop(OPERATION)
        if not annotations:
            new["metadata"].pop("annotations")
        return True
    if old["spec"] == new["spec"]:
        return False
    return woken or not confined


def check_delete(endpoint: Endpoint, shoot: Json) -> None:
    """Refuse to delete a Shoot whose deletion was not confirmed."""
    annotations = shoot["metadata"].get("annotations") or {}
    if annotations.get(CONFIRMATION) != "true":
        raise forbidden(
            GROUP,
            "shoots",
            shoot["metadata"]["name"],
            f'must have a "{CONFIRMATION}" annotation with value "true" to delete',
        )


SHOOT_STRATEGY = Strategy(prepare=prepare, grows=grows, check_delete=check_delete)
