"""A plan's id in the service broker's catalog is a promise to platforms: it never changes and never means another plan."""

from __future__ import annotations

from collections.abc import Iterable

from controlplane.catalog.loading.catalog import Catalog
from controlplane.catalog.loading.difference import Change, Rows
from controlplane.catalog.models import Revision


def review_broker_ids(catalog: Catalog) -> None:
    """Note a fault for every id that two files claim."""
    owner: dict[str, str] = {}
    for key, row in catalog.rows["plan"].items():
        first = owner.setdefault(row["definition"]["broker_id"], key)
        if first != key:
            detail = f"{key} has the broker_id of {first}; give it one of its own."
            catalog.fault("plan", key, ("broker_id",), "broker_id_twice", detail)


def broken_broker_ids(before: Rows, after: Rows) -> list[str]:
    """Return a sentence for every plan whose id changed, or belonged to another plan once; revisions remember."""
    reasons = []
    for key, row in after["plan"].items():
        new = row["definition"]["broker_id"]
        old = before["plan"].get(key, {}).get("definition", {}).get("broker_id")
        if old == new:
            continue
        if old:
            reasons.append(f"plan {key} had the broker_id {old} and keeps it for ever; restore it.")
        elif earlier := _owner_once(new, key):
            reasons.append(f"plan {key} has the broker_id that was {earlier}'s; give it a new one.")
    return reasons


def _owner_once(broker_id: str, key: str) -> str:
    # A handful of revisions a month, looked at only when a plan is new.
    for changes in Revision.objects.filter(changes__contains=[{"broker_id": broker_id}]).values_list(
        "changes", flat=True
    ):
        for change in changes:
            if change.get("broker_id") == broker_id and change["key"] != key:
                return change["key"]
    return ""


def noted(changes: Iterable[Change], after: Rows) -> list[dict[str, str]]:
    """Return what a revision keeps of its changes: with every plan's id, so that none is ever given away again."""
    listed = []
    for change in changes:
        entry = {"kind": change.kind, "key": change.key, "action": change.action}
        if change.kind == "plan" and change.action != "remove":
            entry["broker_id"] = after["plan"][change.key]["definition"]["broker_id"]
        listed.append(entry)
    return listed
