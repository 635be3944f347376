"""Bills are asked for by people, from a bucket or as an upload, and read by a worker: a large one takes longer than a request."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet

from billing.exports.bills.files import ENDINGS
from billing.exports.bills.importing import FORMATS, import_bill
from billing.exports.import_models import BillImport
from billing.exports.places import check_place
from billing.exports.services import require_finance
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants import audit
from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.jobs import JobState, Queue

log = structlog.get_logger(__name__)
LONGEST_NAME = 100
KEPT = timedelta(days=90)
QUEUE = Queue(BillImport, lease=timedelta(minutes=10))
AWAY = 503  # the status of what may be otherwise the next time


def visible_imports(actor: Actor) -> QuerySet[BillImport]:
    """Return what was asked for, without what was uploaded; raises Refused forbidden."""
    require_finance(actor)
    rows: QuerySet[BillImport] = BillImport.objects.defer("content")
    return rows


def the_import(actor: Actor, import_id: UUID) -> BillImport:
    """Return one; raises Refused forbidden 403, import_not_found 404."""
    row: BillImport | None = visible_imports(actor).filter(pk=import_id).first()
    if row is None:
        raise Refused("import_not_found", f"There is no import {import_id}.", status=404)
    return row


@transaction.atomic
def ask_import(
    *,
    actor: Actor,
    provider: str,
    file_format: str = "cur2",
    source: str = "",
    name: str = "",
    content: bytes = b"",
    final_again: bool = False,
) -> BillImport:
    """Have a bill booked: the one at s3://bucket/key or s3://bucket/prefix/, or the one whose file is `name` and `content`.

    Raises Refused: forbidden 403, provider_invalid, format_unknown, source_missing, place_invalid, file_invalid, file_too_large.
    """
    require_finance(actor)
    if not (provider.isascii() and provider.replace("-", "").isalnum() and len(provider) <= 31):  # noqa: PLR2004 - the column's
        raise Refused("provider_invalid", "Name the provider in small letters, as aws.", field="provider")
    if file_format not in FORMATS:
        raise Refused("format_unknown", f"The format is one of {', '.join(FORMATS)}.", field="format")
    if bool(source) == bool(content):
        raise Refused("source_missing", "Name a place in a bucket or send a file, not both.", field="source")
    if source:
        _check_bucket(source)
    else:
        _check_file(name, content)
    row: BillImport = BillImport.objects.create(
        provider=provider.lower(), file_format=file_format, source=source or name, content=content or None,
        final_again=final_again, asked_by=actor.name[:160], created_at=utcnow(), due_at=utcnow(),
    )  # fmt: skip
    told = {"provider": provider, "format": file_format, "source": row.source, "bytes": len(content)}
    audit.record(
        "bill.ask_import",
        actor=actor,
        tenant_id=None,
        target_type="bill_import",
        target_id=row.pk,
        changes=told,
    )
    return row


def import_due(*, only: UUID | None = None) -> int:
    """Read every bill that is due, one after the other, and return how many; two at once share the work."""
    BillImport.objects.filter(finished_at__lt=utcnow() - KEPT).delete()
    return QUEUE.work_off(_import_one, _fail, only=only)


def _import_one(row: BillImport) -> None:
    # As whoever asked: they were let in when they did.
    actor = Actor(row.asked_by, platform_role=PlatformRole.FINOPS)
    try:
        with _at_hand(row) as place:
            bill, booked = import_bill(
                actor=actor, source=place, file_format=row.file_format, provider=row.provider, final_again=row.final_again,
                named=row.source,
            )  # fmt: skip
    except Refused as refusal:
        log.warning("bill_import_failed", place=row.source, attempt=row.attempts, code=refusal.code)
        if refusal.status != AWAY or not QUEUE.try_again(row, refusal.detail):
            _fail(
                row, refusal.detail, [{"column": one.field, "detail": one.detail} for one in refusal.errors]
            )
        return
    QUEUE.end(row, JobState.DONE, content=None, bill=bill, booked=booked, fault="")


def _fail(row: BillImport, fault: str, faults: Sequence[dict[str, str]] = ()) -> None:
    QUEUE.end(row, JobState.FAILED, content=None, fault=fault, faults=list(faults))


@contextmanager
def _at_hand(row: BillImport) -> Iterator[str]:
    """Give the place of a bill's files: what was uploaded lies in a folder of our own while it is read."""
    if row.content is None:
        yield row.source
        return
    with tempfile.TemporaryDirectory(prefix="bill-") as folder:
        file = Path(folder) / row.source
        file.write_bytes(row.content)
        yield str(file)


def _check_bucket(source: str) -> None:
    # Never a path: whoever asks is not on this machine.
    if urlsplit(source).scheme != "s3":
        detail = "source must be a place in a bucket, as s3://bucket/cur/BILLING_PERIOD=2026-06/."
        raise Refused("place_invalid", detail, field="source")
    check_place(source)


def _check_file(name: str, content: bytes) -> None:
    plain = Path(name).name == name and name.isprintable() and 0 < len(name) <= LONGEST_NAME
    if not plain or not name.endswith(ENDINGS):
        detail = f"name must be a file's name that ends with {', '.join(ENDINGS)}."
        raise Refused("file_invalid", detail, field="name")
    if len(content) > settings.BODY_LIMIT_BYTES:
        detail = f"The file has {len(content):,} bytes; put one of more than {settings.BODY_LIMIT_BYTES:,} into a bucket."
        raise Refused("file_too_large", detail, field="content", status=413)
