"""What of releases and channels the files say, and what people said since: publishing, withdrawing, pointing a channel."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from controlplane.catalog.loading.catalog import Row
from controlplane.catalog.loading.difference import Change, Rows
from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import Actor

ONLY_IN_TABLE = ("published_at", "published_by", "withdrawn_at", "withdrawn_reason")
MAY_MOVE = frozenset({"end_of_life"})  # of a published release


def as_in_files(row: Row) -> Row:
    """Return a release's row as its file would say it."""
    plain = {name: value for name, value in row.items() if name not in ONLY_IN_TABLE}
    end = row["end_of_life"]
    return {**plain, "end_of_life": end.isoformat() if end else None, "draft": row["published_at"] is None}


def as_people_left_it(before: Rows, files: Rows) -> Rows:
    """Return the files' rows with what people did since they last changed: what is published stays published, and a channel
    points where it was pointed while its file says the same as before.
    """
    releases = {
        key: {**row, "draft": row["draft"] and before["release"].get(key, row)["draft"]}
        for key, row in files["release"].items()
    }
    channels = {key: _pointed(row, before["channel"].get(key)) for key, row in files["channel"].items()}
    return {**files, "release": releases, "channel": channels}


def _pointed(row: Row, stored: Row | None) -> Row:
    moved = stored is not None and stored["declared"] == row["declared"]
    return {**row, "release_id": stored["release_id"]} if stored is not None and moved else row


def as_in_table(row: Row, change: Change, actor: Actor) -> dict[str, Any]:
    """Return the columns to write; a release that is no draft any more is published by whoever applies it."""
    values = {name: value for name, value in row.items() if name != "draft"}
    begins = change.action == "add" or any(name == "draft" for name, _, _ in change.fields)
    if begins and not row["draft"]:
        values |= {"published_at": utcnow(), "published_by": actor.name[:200]}
    return values


def broken_releases(changes: Iterable[Change], before: Rows) -> list[str]:
    """Return a sentence for every published release whose file says something else now."""
    reasons = []
    for change in changes:
        if change.kind != "release" or change.action != "change" or before["release"][change.key]["draft"]:
            continue
        names = [name for name, _, _ in change.fields if name not in MAY_MOVE]
        if names:
            reasons.append(
                f"release {change.key} was published and is immutable ({', '.join(names)} changed); restore its file "
                "and add a new release."
            )
    return reasons
