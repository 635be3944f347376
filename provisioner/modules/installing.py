"""Puts modules into a cluster, sees whether they are well, and takes away what is not wanted any more. Pure.

Server-side apply is repeated without harm, and what is remembered is written before the cluster is touched: whoever dies in
between leaves an inventory that names at least everything that there is.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from controlplane.kernel.errors import Audience, Fatal
from provisioner.modules.drift import differences
from provisioner.modules.health import complaint
from provisioner.modules.kept import Health, Kept, Memory, State
from provisioner.modules.objects import MODULE
from provisioner.modules.rendering import Rendered, identities, in_apply_order
from provisioner.runtimes.inside import ClusterApi, Identity, Json, ObjectRef

_LONGEST = 500  # characters of a message


@dataclass(frozen=True)
class Sight:
    """How one module was found: `complaints` about its health, `drift` from what we said, empty where neither was looked for."""

    key: str
    complaints: tuple[str, ...] = ()
    drift: tuple[str, ...] = ()

    @property
    def message(self) -> str:
        """What a person should know."""
        return "; ".join(self.complaints)[:_LONGEST]


def install(api: ClusterApi, rendered: Sequence[Rendered], memory: Memory) -> None:
    """Apply every object of every module; what each had before stays in its inventory until it is pruned.

    Raises Fatal, before anything is touched, where a module from elsewhere would take what somebody else put there.
    """
    before = memory.recall()
    refuse_strangers(api, strange(rendered, before))
    memory.keep([_begun(one, before.get(one.wish.key)) for one in rendered])
    for document in in_apply_order(rendered):
        api.apply(document)


def strange(rendered: Sequence[Rendered], before: Mapping[str, Kept]) -> list[tuple[str, ObjectRef]]:
    """Return, each behind its module, the objects of bundles that nobody remembers: somebody else may have them there."""
    known = {ref.identity for one in before.values() for ref in one.inventory}
    return [
        (one.wish.key, ref)
        for one in rendered
        if one.sourced
        for ref in dict.fromkeys(one.inventory)
        if ref.identity not in known
    ]


def refuse_strangers(api: ClusterApi, asked: Sequence[tuple[str, ObjectRef]]) -> None:
    """Raise Fatal (module_object_there) for the first that is there without our mark: it is somebody's own."""
    for key, ref in asked:
        live = api.get(ref)
        if live is not None and MODULE not in (live["metadata"].get("labels") or {}):
            raise Fatal(
                f"{ref} is there already, and not of the platform: module {key} would take it over, and away with itself. Do "
                f"without the module, or hand it over by the label {MODULE}={key}: of a definition all objects stay.",
                code="module_object_there",
                audience=Audience.TENANT,
            )


def _begun(one: Rendered, before: Kept | None) -> Kept:
    """Return what is remembered of a module from before its first object is applied."""
    old = before or Kept(one.wish.key)
    same = old.digest == one.digest and old.state is State.INSTALLED
    return replace(
        old,
        version=one.wish.version,
        implementation=one.implementation,
        settings=one.wish.settings,
        state=State.INSTALLED if same else State.INSTALLING,
        health=old.health if same else Health.STARTING,
        inventory=tuple(dict.fromkeys((*old.inventory, *one.inventory))),
        digest=one.digest,
        message="",
    )


def look(api: ClusterApi, rendered: Sequence[Rendered]) -> list[Sight]:
    """Return how every module does: one list for each kind that has a check, over all modules."""
    live = _live(api, rendered, only_checked=True)
    return [Sight(one.wish.key, complaints=tuple(_complaints(one, live))) for one in rendered]


def inspect(api: ClusterApi, rendered: Sequence[Rendered]) -> list[Sight]:
    """Return how every module does and what of it is not as we said: one list for each kind of object."""
    live = _live(api, rendered, only_checked=False)
    return [
        Sight(
            one.wish.key,
            complaints=tuple(_complaints(one, live)),
            drift=tuple(
                difference
                for document in one.objects
                for difference in differences(document, live.get(ObjectRef.of(document)))
            ),
        )
        for one in rendered
    ]


def _live(api: ClusterApi, rendered: Sequence[Rendered], *, only_checked: bool) -> Mapping[ObjectRef, Json]:
    """Return the live objects of these kinds by name; one that lost our label is asked for by its name."""
    wanted = {
        ObjectRef.of(document)
        for one in rendered
        for document in one.objects
        if not only_checked or _is_looked_at(one, document["kind"])
    }
    found: dict[ObjectRef, Json] = {}
    for version, kind in sorted({(ref.api_version, ref.kind) for ref in wanted}):
        for live in api.list(version, kind, labels=MODULE):
            found[ObjectRef.of({"apiVersion": version, "kind": kind, **live})] = live
    for ref in sorted(wanted - found.keys()):
        if (live_one := api.get(ref)) is not None:
            found[ref] = live_one
    return found


def _is_looked_at(one: Rendered, kind: str) -> bool:
    """Say whether a module's health needs a look at this kind; a definition of ours is served, or its resource could not be."""
    return one.is_checked(kind) and (one.sourced or kind != "CustomResourceDefinition")


def _complaints(one: Rendered, live: Mapping[ObjectRef, Json]) -> Iterable[str]:
    for document in one.objects:
        kind, ref = document["kind"], ObjectRef.of(document)
        if not _is_looked_at(one, kind):
            continue
        there = live.get(ref)
        if there is None:
            yield f"{ref} is missing"
        elif said := complaint(kind, there):
            yield f"{ref}: {said}"


def settle(
    api: ClusterApi, rendered: Sequence[Rendered], sights: Sequence[Sight], memory: Memory
) -> list[ObjectRef]:
    """Remember what was seen; of modules that are well, take away what they had before, and return what lingers of that.

    What another module brings now stays, and so does what is written in another version of its kind.
    """
    wanted = identities(rendered)
    before = memory.recall()
    seen = {sight.key: sight for sight in sights}
    kept: list[Kept] = []
    lingering: list[ObjectRef] = []
    for one in rendered:
        sight, old = seen[one.wish.key], before.get(one.wish.key) or _begun(one, None)
        if sight.complaints:
            health = Health.STARTING if old.state is State.INSTALLING else Health.UNHEALTHY
            kept.append(replace(old, health=health, drift=sight.drift, message=sight.message))
            continue
        left = prune(api, old.inventory, keep=wanted)
        lingering += left.lingering
        kept.append(
            replace(
                old,
                state=State.INSTALLED,
                health=Health.HEALTHY,
                observed_version=one.wish.version,
                inventory=(*one.inventory, *left.lingering, *left.holding),
                drift=sight.drift,
                message=_holding(left.holding),
            )
        )
    memory.keep(kept)
    return lingering


@dataclass(frozen=True)
class Left:
    """What a removal left: `lingering` goes once its finalizers do, `holding` are definitions that people's objects still use."""

    lingering: tuple[ObjectRef, ...] = ()
    holding: tuple[ObjectRef, ...] = ()


def prune(api: ClusterApi, inventory: Sequence[ObjectRef], *, keep: Collection[Identity]) -> Left:
    """Delete what is in the inventory and not to be kept, the last applied first; a definition with objects is left alone."""
    lingering: list[ObjectRef] = []
    holding: list[ObjectRef] = []
    for ref in reversed(inventory):
        if ref.identity in keep:
            continue
        if ref.kind == "CustomResourceDefinition" and _holds_data(api, ref):
            holding.append(ref)
        elif api.delete(ref) is not None:
            lingering.append(ref)
    return Left(tuple(lingering), tuple(holding))


def _holds_data(api: ClusterApi, ref: ObjectRef) -> bool:
    live = api.get(ref)
    if live is None or "deletionTimestamp" in live["metadata"]:
        return False
    spec = live["spec"]
    version = next((one["name"] for one in spec["versions"] if one.get("served", True)), "")
    return bool(version and api.list(f"{spec['group']}/{version}", spec["names"]["kind"]))


def _holding(refs: Sequence[ObjectRef]) -> str:
    if not refs:
        return ""
    named = ", ".join(ref.name for ref in refs)
    return f"Kinds that this version does not know any more still hold objects, so they were left: {named}"[
        :_LONGEST
    ]
