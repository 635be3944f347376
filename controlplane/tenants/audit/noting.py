"""Notes the ends of chains, and exports, outside of the database: in a file, or in a bucket of S3."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from django.conf import settings
from django.core.cache import cache
from redis.exceptions import RedisError

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.audit.sealing import Head, heads_since

log = structlog.get_logger(__name__)

ANSWER_SECONDS = 30
_NOTED = "audit:heads-noted"


def note_new_heads() -> str:
    """Note the ends of chains that grew since they were noted last; return where, or an empty text.

    A place that is away misses nothing: how far it has come moves on with what was written only. That is kept in the cache, and
    where that was emptied every end is noted once more. Never in a transaction.
    """
    if not settings.AUDIT_HEADS_TO:
        return ""
    found, newest = heads_since(_noted())
    try:
        where = note_heads(found)
    except Refused as refusal:
        log.error("audit heads are not noted", reason=refusal.detail)  # noqa: TRY400 - the reason says it all
        return ""
    with suppress(RedisError):
        cache.set(_NOTED, newest, timeout=None)
    return where


def _noted() -> int:
    """Return the newest seal whose chain's end was noted at this place."""
    try:
        return int(cache.get(_NOTED, 0))
    except RedisError:
        return 0


def note_heads(heads: Sequence[Head]) -> str:
    """Write new heads to AUDIT_HEADS_TO, one JSON object a line; return where, or an empty text. Never in a transaction."""
    if not heads or not settings.AUDIT_HEADS_TO:
        return ""
    lines = (json.dumps(asdict(head)) + "\n" for head in heads)
    return write_lines(
        lines, to=settings.AUDIT_HEADS_TO, name=f"audit-heads-{utcnow():%Y%m%dT%H%M%S%f}.jsonl"
    )


def write_lines(lines: Iterable[str], *, to: str, name: str) -> str:
    """Write lines to `to`, a folder or `s3://bucket/prefix`, under `name`, and return where they are.

    Whole or not at all. Raises Refused export_failed when the place can't be written.
    """
    parts = urlsplit(to)
    with tempfile.NamedTemporaryFile("w", encoding="utf-8", suffix=".jsonl", delete=False) as file:
        local = Path(file.name)
    try:
        with local.open("w", encoding="utf-8") as whole:
            whole.writelines(lines)
        if parts.scheme == "s3":
            return _upload(local, parts.netloc, "/".join(filter(None, [parts.path.strip("/"), name])))
        return _move(local, Path(to) / name)
    finally:
        local.unlink(missing_ok=True)


def _move(local: Path, target: Path) -> str:
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        beside = target.with_name(f".{target.name}")
        beside.touch(mode=0o600)
        beside.write_bytes(local.read_bytes())
        beside.replace(target)
    except OSError as error:
        raise Refused("export_failed", f"{target} can't be written: {error.strerror}.", status=503) from error
    return str(target)


def _upload(local: Path, bucket: str, key: str) -> str:
    """Region, credentials and endpoint come from the environment, as for every AWS client."""
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    patience = Config(connect_timeout=5, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 3})
    try:
        boto3.client("s3", config=patience).upload_file(
            str(local), bucket, key, ExtraArgs={"ContentType": "application/x-ndjson"}
        )
    except (Boto3Error, BotoCoreError, ClientError) as error:
        detail = f"s3://{bucket}/{key} can't be written ({type(error).__name__}); look at the bucket's name and rights."
        raise Refused("export_failed", detail, status=503) from error
    return f"s3://{bucket}/{key}"
