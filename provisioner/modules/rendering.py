"""From the modules as wished to the objects that are to be there, in the order in which they are applied. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from controlplane.kernel.errors import Audience, Fatal
from provisioner.modules import ports
from provisioner.modules.base import ClusterFacts, Footprint, Implementation, Module, Request
from provisioner.modules.health import CHECKS
from provisioner.modules.objects import SYSTEM_NODES, ours
from provisioner.modules.promising import promised
from provisioner.modules.registry import all_modules
from provisioner.modules.sources.kinds import identity_of
from provisioner.runtimes.inside import Identity, Json, ObjectRef
from provisioner.runtimes.spec import ClusterSpec, ModuleWish

_FIRST = {"Namespace": 0, "CustomResourceDefinition": 1}  # what others stand on; a definition takes a moment


@dataclass(frozen=True)
class Rendered:
    """One module's objects, in its own order; `digest` changes whenever one of them does."""

    module: Module
    wish: ModuleWish
    implementation: str
    objects: tuple[Json, ...]
    digest: str
    sourced: bool = False  # from elsewhere: whatever of it has a check is looked after

    def is_checked(self, kind: str) -> bool:
        """Say whether the module is well only while its objects of this kind are."""
        return kind in CHECKS and (self.sourced or kind in self.module.health)

    @property
    def inventory(self) -> tuple[ObjectRef, ...]:
        """The names of its objects."""
        return tuple(ObjectRef.of(document) for document in self.objects)


def identities(rendered: Iterable[Rendered]) -> set[Identity]:
    """Return what all objects of these modules are known by: an object may come in another version, or with another module."""
    return {ref.identity for one in rendered for ref in one.inventory}


def with_defaults(schema: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings with every default of the schema; a null takes a default back."""
    defaults = {
        key: child["default"] for key, child in schema.get("properties", {}).items() if "default" in child
    }
    return {**defaults, **{key: value for key, value in settings.items() if value is not None}}


def facts_of(cluster: ClusterSpec) -> ClusterFacts:
    """Return what of a cluster its modules depend on."""
    return ClusterFacts(
        name=cluster.name,
        provider=cluster.provider,
        region=cluster.region,
        kubernetes_version=cluster.kubernetes_version,
        system_pool=any(taint.key == SYSTEM_NODES for pool in cluster.pools for taint in pool.taints),
        most_nodes=sum(pool.maximum + pool.surge for pool in cluster.pools),
    )


def render(
    cluster: ClusterSpec, modules: Mapping[str, Module] | None = None, *, facts: ClusterFacts | None = None
) -> tuple[Rendered, ...]:
    """Return every wished module's objects, in the order of the wishes.

    Raises Fatal for a module that this build does not have, and for two that bring the same object.
    """
    known = all_modules() if modules is None else modules
    chosen = [_chosen(wish, known) for wish in cluster.modules]
    place = facts or replace(facts_of(cluster), surplus=_surplus(chosen))
    made = tuple(
        _rendered(wish, module, implementation, place)
        for wish, (module, implementation) in zip(cluster.modules, chosen, strict=True)
    )
    _refuse_shared(made)
    return made


def render_after(cluster: ClusterSpec, present: ClusterSpec) -> tuple[Rendered, ...]:
    """Return what an upgrade leads to. Raises Fatal as `render` does; what a tenant set is to blame only if it is so at present.

    What the modules that are there take is for the release to take as well: else its failures would not count.
    """
    try:
        return render(cluster)
    except Fatal as refused:
        if refused.audience is not Audience.TENANT or _is_refused(present):
            raise
        said = f"{refused} The modules that are there take these settings, so it is the release that has to change."
        raise Fatal(said, code=refused.code) from refused


def _is_refused(cluster: ClusterSpec) -> bool:
    try:
        render(cluster)
    except Fatal as refused:
        return refused.audience is Audience.TENANT
    return False


def _chosen(wish: ModuleWish, modules: Mapping[str, Module]) -> tuple[Module, Implementation]:
    """Return what stands behind a wish: of this build, or of elsewhere."""
    module = modules.get(wish.key)
    name = wish.implementation or (module.first if module else "")
    if module is not None and name in module.implementations:
        return module, module.implementations[name]
    found = ports.sourced(wish.key, name, wish.version) if module else None
    if module is None or found is None:
        what = (
            f"module {wish.key}" if module is None else f"implementation {name} {wish.version} of {wish.key}"
        )
        raise Fatal(
            f"Neither this build nor the catalogue has the {what}; a newer release of the platform brings it, or an entry in "
            "modules.yaml.",
            code="module_unknown",
        )
    return module, found


def _refuse_shared(made: Iterable[Rendered]) -> None:
    """Raise Fatal for an object that two modules bring: asked before, but not of everybody's settings and channels."""
    owners: dict[Identity, ModuleWish] = {}
    for one in made:
        for document in one.objects:
            owner = owners.setdefault(identity_of(document), one.wish)
            if owner.key != one.wish.key:
                own = any(wish.channel or wish.settings for wish in (owner, one.wish))
                raise Fatal(
                    f"Modules {owner.key} and {one.wish.key} both bring {ObjectRef.of(document)}: one would undo the other's. "
                    "No module changes until one of them is taken away or has another version or other settings.",
                    code="module_object_taken",
                    audience=Audience.TENANT if own else Audience.SRE,
                )


def _surplus(chosen: Iterable[tuple[Module, Implementation]]) -> Footprint:
    total = Footprint()
    for module, implementation in chosen:
        total = total.plus(implementation.footprint.beyond(module.footprint))
    return total


def _rendered(
    wish: ModuleWish, module: Module, implementation: Implementation, facts: ClusterFacts
) -> Rendered:
    name = wish.implementation or module.first
    asked = Request(wish.key, name, wish.version, with_defaults(module.schema, wish.settings), facts)
    made = list(implementation.render(asked))
    if implementation.sourced:
        there = {ObjectRef.of(document) for document in made}
        made = [one for one in promised(module, asked) if ObjectRef.of(one) not in there] + made
    own = module.interface.kind if module.interface and not wish.own_resource else ""
    objects = tuple(ours(document, wish.key) for document in made if document["kind"] != own)
    return Rendered(module, wish, name, objects, digest_of(objects), implementation.sourced)


def digest_of(objects: Sequence[Mapping[str, Any]]) -> str:
    """Return 16 hexadecimal digits that stand for these objects."""
    text = json.dumps(objects, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def in_apply_order(rendered: Iterable[Rendered]) -> list[Json]:
    """Return all objects: every module's namespaces and definitions first, then the modules one behind the other."""
    every = [document for one in rendered for document in one.objects]
    return sorted(every, key=lambda document: _FIRST.get(document["kind"], 2))
