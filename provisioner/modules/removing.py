"""Takes a module out of a cluster, or says why it can't be: what tenants wrote into its kinds would be lost with it. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from provisioner.modules.base import GROUP, CustomKind, Module
from provisioner.modules.installing import prune
from provisioner.modules.kept import Health, Kept, Memory, State
from provisioner.modules.objects import MODULE
from provisioner.modules.ordering import in_order
from provisioner.modules.rendering import Rendered, identities
from provisioner.runtimes.inside import ClusterApi, Identity, Json, ObjectRef

DEFINITION = "CustomResourceDefinition"
_DEFINITIONS = ("apiextensions.k8s.io", DEFINITION, "")
_NAMED = 3  # examples in a sentence


@dataclass(frozen=True)
class Hindrance:
    """Why a module can't be removed now, and what to do about it."""

    key: str
    detail: str


def unwanted(kept: Mapping[str, Kept], wanted: Sequence[str], modules: Mapping[str, Module]) -> list[str]:
    """Return the modules that are there and not wanted, those first that others of them stand under."""
    gone = [key for key in kept if key not in wanted]
    known = in_order([key for key in gone if key in modules], modules)
    return [*(key for key in gone if key not in modules), *reversed(known)]


def hindrance(
    api: ClusterApi,
    module: Module,
    inventory: Sequence[ObjectRef] = (),
    *,
    staying: Collection[Identity] = (),
) -> Hindrance | None:
    """Return what stands in the way of a removal: objects that people made of its kinds, finalizers that nobody would serve.

    Its kinds are those that it declares, and those that the inventory's definitions brought from elsewhere, but for definitions
    that stay, since another module brings them.
    """
    declared = [*module.data, *([module.interface] if module.interface else [])]
    kinds = [*declared, *_brought(api, inventory, declared)]
    kinds = [kind for kind in kinds if (*_DEFINITIONS, f"{kind.plural}.{kind.group}") not in staying]
    written: list[tuple[CustomKind, Json]] = []
    for kind in kinds:
        written += [(kind, live) for live in api.list(kind.api_version, kind.kind) if not _is_ours(live)]
    if not written:
        return None
    counted = ", ".join(
        f"{number} {kind.kind}" for kind in kinds if (number := sum(one is kind for one, _ in written))
    )
    names = [_name(live) for _, live in written[:_NAMED]]
    more = f" and {len(written) - _NAMED} more" if len(written) > _NAMED else ""
    held = [live for _, live in written if live["metadata"].get("finalizers")]
    detail = (
        f"Module {module.key} still holds what people made: {counted} ({', '.join(names)}{more}). It would be lost with the "
        "module; delete it first, or keep the module."
    )
    if held:
        detail += (
            f" {len(held)} of them carry finalizers, which only the running module serves: {_name(held[0])} "
            f"({', '.join(held[0]['metadata']['finalizers'])})."
        )
    return Hindrance(module.key, detail)


def _brought(
    api: ClusterApi, inventory: Sequence[ObjectRef], declared: Sequence[CustomKind]
) -> list[CustomKind]:
    names = {f"{kind.plural}.{kind.group}" for kind in declared}
    found = []
    for ref in inventory:
        live = api.get(ref) if ref.kind == DEFINITION and ref.name not in names else None
        if live is None:
            continue
        spec = live["spec"]
        served = [one["name"] for one in spec["versions"] if one.get("served", True)]
        if served:
            kind, plural = spec["names"]["kind"], spec["names"]["plural"]
            scoped = spec.get("scope") == "Namespaced"
            found.append(CustomKind(kind, plural, scoped, spec["group"], served[0]))
    return found


def _is_ours(live: Mapping[str, object]) -> bool:
    metadata: Mapping[str, object] = live["metadata"]  # type: ignore[assignment]
    labels = metadata.get("labels")
    return isinstance(labels, Mapping) and MODULE in labels


def _name(live: Json) -> str:
    metadata = live["metadata"]
    return f"{metadata['namespace']}/{metadata['name']}" if metadata.get("namespace") else metadata["name"]


def remove(
    api: ClusterApi,
    keys: Sequence[str],
    modules: Mapping[str, Module],
    memory: Memory,
    *,
    rendered: Sequence[Rendered] = (),
) -> tuple[list[Hindrance], list[ObjectRef]]:
    """Remove these modules in their order; return what stood in the way, and what finalizers still hold.

    Nothing is touched unless all of them can go: half of a set would leave modules without those that they need. What the
    modules that stay have, or are about to have as `rendered`, stays with them.
    """
    kept = memory.recall()
    staying = identities(rendered)
    staying |= {ref.identity for key, one in kept.items() if key not in keys for ref in one.inventory}
    hindered = [
        why
        for key in keys
        if key in modules and (why := hindrance(api, modules[key], kept[key].inventory, staying=staying))
    ]
    if hindered:
        said = {why.key: why.detail for why in hindered}
        memory.keep([replace(kept[key], state=State.BLOCKED, message=said[key][:500]) for key in said])
        return hindered, []
    memory.keep([replace(kept[key], state=State.REMOVING, health=Health.UNKNOWN, message="") for key in keys])
    lingering: list[ObjectRef] = []
    gone: list[str] = []
    for key in keys:
        held = _take_down(api, kept[key].inventory, staying)
        lingering += held
        if not held:
            gone.append(key)
    memory.keep([], forget=gone)
    return [], lingering


def _take_down(
    api: ClusterApi, inventory: Sequence[ObjectRef], staying: Collection[Identity]
) -> tuple[ObjectRef, ...]:
    """Delete a module's custom resources first, and the rest only once they are gone: it is what serves their finalizers."""
    groups = {GROUP, *(ref.name.partition(".")[2] for ref in inventory if ref.kind == DEFINITION)}
    resources = [ref for ref in inventory if ref.api_version.rpartition("/")[0] in groups]
    held = prune(api, resources, keep=staying).lingering
    return held or prune(api, inventory, keep={*staying, *(ref.identity for ref in resources)}).lingering
