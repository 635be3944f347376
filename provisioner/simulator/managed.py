"""metadata.managedFields: who owns which field, kept through apply and through ordinary writes."""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.simulator.errors import ApiError, Json
from provisioner.simulator.fields import Path, from_fields, leaves, overlay, ownable, prune, to_fields
from provisioner.simulator.shape import Shape


@dataclass(slots=True)
class Owner:
    """One entry of managedFields."""

    name: str
    operation: str
    api_version: str
    subresource: str
    time: str
    paths: set[Path] = field(default_factory=set)

    def matches(self, name: str, operation: str, subresource: str) -> bool:
        """Say whether this is the entry of that writer."""
        return (self.name, self.operation, self.subresource) == (name, operation, subresource)


@dataclass(frozen=True, slots=True)
class Writer:
    """Who writes now: field manager, served version, subresource, time."""

    name: str
    api_version: str
    subresource: str
    time: str


def owners_of(document: Json) -> list[Owner]:
    """Read managedFields."""
    return [
        Owner(
            name=each.get("manager", ""),
            operation=each.get("operation", "Update"),
            api_version=each.get("apiVersion", ""),
            subresource=each.get("subresource", ""),
            time=each.get("time", ""),
            paths=from_fields(each.get("fieldsV1") or {}),
        )
        for each in (document.get("metadata") or {}).get("managedFields") or []
    ]


def set_owners(document: Json, owners: list[Owner]) -> None:
    """Write managedFields; an owner of nothing is dropped."""
    entries: list[Json] = []
    for owner in owners:
        if not owner.paths:
            continue
        entry: Json = {
            "manager": owner.name,
            "operation": owner.operation,
            "apiVersion": owner.api_version,
            "time": owner.time,
            "fieldsType": "FieldsV1",
            "fieldsV1": to_fields(owner.paths),
        }
        if owner.subresource:
            entry["subresource"] = owner.subresource
        entries.append(entry)
    if entries:
        document["metadata"]["managedFields"] = entries
    else:
        document["metadata"].pop("managedFields", None)


def track_update(before: Json | None, after: Json, writer: Writer, shape: Shape) -> None:
    """Give the fields that an ordinary write changed to its writer."""
    sent = (after.get("metadata") or {}).get("managedFields")
    kept = (before or {}).get("metadata", {}).get("managedFields") if before else None
    # A client may edit ownership itself, as kubectl does when it moves to server-side apply.
    edited = before is not None and sent is not None and sent != kept
    owners = owners_of(after if edited else before or {})
    old = leaves(ownable(before), shape) if before else {}
    new = leaves(ownable(after), shape)
    changed = {path for path, value in new.items() if path not in old or old[path] != value}
    gone = old.keys() - new.keys()
    for owner in owners:
        owner.paths -= gone
        if not owner.matches(writer.name, "Update", writer.subresource):
            owner.paths -= {path for path in changed if path[-1] != "." and path in old}
    if changed:
        _own(owners, writer, "Update").paths |= changed
    set_owners(after, owners)


def _own(owners: list[Owner], writer: Writer, operation: str) -> Owner:
    for owner in owners:
        if owner.matches(writer.name, operation, writer.subresource):
            owner.time, owner.api_version = writer.time, writer.api_version
            return owner
    owner = Owner(writer.name, operation, writer.api_version, writer.subresource, writer.time)
    owners.append(owner)
    return owner


def apply(live: Json | None, applied: Json, writer: Writer, shape: Shape, *, force: bool) -> Json:
    """Return the object after a server-side apply; raises 409 with a cause per contested field."""
    wanted = ownable(applied)
    mine = leaves(wanted, shape)
    owners = owners_of(live) if live else []
    current = leaves(ownable(live), shape) if live else {}
    rivals = [owner for owner in owners if not owner.matches(writer.name, "Apply", writer.subresource)]
    contested = {
        path
        for path, value in mine.items()
        if path[-1] != "." and value != {} and path in current and current[path] != value
    }
    _settle(rivals, contested, force=force)
    own = next((each for each in owners if each.matches(writer.name, "Apply", writer.subresource)), None)
    dropped = own.paths - mine.keys() if own else set()
    held = {path for owner in rivals for path in owner.paths}
    base: Json = live if live is not None else {}
    merged: Json = overlay(base, {**wanted, "metadata": wanted.get("metadata", {})}, shape)
    merged = prune(merged, dropped - held, held | mine.keys(), shape)
    if own is None or own.paths != set(mine):
        _own(owners, writer, "Apply").paths = set(mine)
    elif contested:
        own.time = writer.time
    set_owners(merged, owners)
    return merged


def _settle(rivals: list[Owner], contested: set[Path], *, force: bool) -> None:
    clashes = [(owner, path) for owner in rivals for path in sorted(owner.paths & contested)]
    if not clashes:
        return
    if force:
        for owner, path in clashes:
            owner.paths.discard(path)
        return
    causes = [
        {
            "reason": "FieldManagerConflict",
            "message": f'conflict with "{owner.name}"'
            + (f" with subresource {owner.subresource!r}" if owner.subresource else "")
            + (f" using {owner.api_version}" if owner.operation == "Update" else ""),
            "field": dotted(path),
        }
        for owner, path in clashes
    ]
    plural = "s" if len(causes) > 1 else ""
    said = "\n".join(f"- {each['message']}: {each['field']}" for each in causes)
    raise ApiError(
        409,
        "Conflict",
        f"Apply failed with {len(causes)} conflict{plural}: {said}",
        details={"causes": causes},
    )


def dotted(path: Path) -> str:
    """Return a path the way conflicts name it: `.spec.containers[name="x"].image`."""
    text = ""
    for element in path:
        if element.startswith("f:"):
            text += "." + element[2:]
        elif element.startswith("k:"):
            text += "[" + element[3:-1].replace('":', "=").replace('"', "", 1) + "]"
        elif element.startswith("v:"):
            text += f"[={element[2:]}]"
    return text
