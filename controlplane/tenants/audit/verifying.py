"""Compares the trail with its seals, and names every row that was changed, removed or inserted since."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Q

from controlplane.tenants.audit import queries
from controlplane.tenants.audit.chain import BEGINNING, START, Row, read_links, seal_hash
from controlplane.tenants.audit.sealing import Head
from controlplane.tenants.models import AuditSeal

Place = tuple[int, UUID]


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it was sealed."""

    what: str  # changed, removed, inserted, broken, cut
    chain: str
    position: int  # 0 where it has none
    row: str
    sentence: str


@dataclass
class Report:
    """How much was looked at."""

    chains: int = 0
    rows: int = 0


def verify(*, chains: Iterable[UUID | None], report: Report) -> Iterator[Finding]:
    """Yield what is wrong in each chain; rows that no seal holds yet are left alone. Reads a seal's stretch at a time."""
    newest = AuditSeal.objects.order_by("-id").first()
    until = (newest.until_tx, newest.until_id) if newest else START
    last_id = newest.pk if newest else 0
    for chain in chains:
        report.chains += 1
        yield from _verify_chain(chain, last_id, until, report)


def _verify_chain(chain: UUID | None, last_id: int, until: Place, report: Report) -> Iterator[Finding]:
    name, position, previous, place = str(chain or "platform"), 0, BEGINNING, START
    seals = AuditSeal.objects.filter(of_chain(chain), pk__lte=last_id).order_by("first_position")
    for seal in seals.iterator(chunk_size=20):
        links = bytes(seal.links)
        expected = seal_hash(chain, seal.first_position, previous, links)
        if seal.first_position != position + 1 or bytes(seal.previous_hash) != previous:
            sentence = f"the seal before position {seal.first_position} is missing or was changed"
            yield Finding("broken", name, seal.first_position, "", sentence)
        elif bytes(seal.hash) != expected:
            sentence = f"the seal of positions {seal.first_position} to {seal.last_position} was changed"
            yield Finding("broken", name, seal.first_position, "", sentence)
        there = {row.id: row for row in _stretch(chain, place, (seal.until_tx, seal.until_id))}
        for offset, (row_id, digest) in enumerate(read_links(links)):
            report.rows += 1
            yield from _compare(name, seal.first_position + offset, row_id, digest, there.pop(row_id, None))
        yield from (_inserted(name, row) for row in there.values())
        position, previous = seal.last_position, bytes(seal.hash)
        place = (seal.until_tx, seal.until_id)
    yield from (_inserted(name, row) for row in _stretch(chain, place, until))


def _compare(chain: str, position: int, row_id: UUID, digest: bytes, row: Row | None) -> Iterator[Finding]:
    if row is None:
        sentence = f"row {row_id} at position {position} was removed"
        yield Finding("removed", chain, position, str(row_id), sentence)
    elif row.content_hash() != digest:
        sentence = f"row {row_id} at position {position} was changed; it now says {row.actor} {row.action} at {row.at:%c}"
        yield Finding("changed", chain, position, str(row_id), sentence)


def _inserted(chain: str, row: Row) -> Finding:
    sentence = f"row {row.id} ({row.actor} {row.action}) was inserted after its time was sealed"
    return Finding("inserted", chain, 0, str(row.id), sentence)


def _stretch(chain: UUID | None, after: Place, until: Place) -> list[Row]:
    with connection.cursor() as cursor:
        cursor.execute(
            queries.STRETCH,
            {
                "tenant": chain,
                "from_tx": after[0],
                "from_id": after[1],
                "tx": until[0],
                "id": until[1],
            },
        )
        return [Row.read(values) for values in cursor.fetchall()]


def compare_heads(kept: Iterable[Head]) -> Iterator[Finding]:
    """Yield each head, kept elsewhere earlier, that the chain of today does not pass through."""
    for head in kept:
        chain = None if head.chain == "platform" else UUID(head.chain)
        seal = AuditSeal.objects.filter(of_chain(chain), last_position=head.position).first()
        if seal is None or bytes(seal.hash).hex() != head.hash:
            sentence = f"the chain does not hold position {head.position} as it was noted: it was cut or written anew"
            yield Finding("cut", head.chain, head.position, "", sentence)


def of_chain(chain: UUID | None) -> Q:
    """Return what narrows rows to one chain."""
    return Q(tenant_id=chain) if chain else Q(tenant_id__isnull=True)


def every_chain() -> list[UUID | None]:
    """Return the tenants that the trail knows, and None for the platform's own chain."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM tenants_tenant ORDER BY slug")
        return [None, *(row[0] for row in cursor.fetchall())]
