"""Puts a file into a folder or a bucket, whole or not at all: what was there before stays until the new one is complete."""

from __future__ import annotations

import os
import re
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from controlplane.kernel.errors import Refused

ANSWER_SECONDS = 60
LONGEST = 500
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
TYPES = {".csv": "text/csv", ".parquet": "application/vnd.apache.parquet", ".json": "application/json"}


def check_place(to: str) -> str:
    """Return a place without a trailing slash; raises Refused place_invalid for what is neither a folder nor a bucket."""
    parts = urlsplit(to)
    fine = bool(to.strip()) and len(to) <= LONGEST and "\0" not in to
    if parts.scheme == "s3":
        fine = fine and bool(_BUCKET.fullmatch(parts.netloc)) and not parts.query and not parts.fragment
    elif parts.scheme:
        fine = False
    if not fine:
        detail = f"{to[:100]!r} is no place for a file; name a folder, or s3://bucket/prefix."
        raise Refused("place_invalid", detail, field="to")
    return to if to == "/" else to.rstrip("/")


def put(local: Path, to: str, name: str) -> str:
    """Put a file at `to` under a name that may have folders, and return where it is.

    Raises Refused export_failed (503) when the place can't be written; nothing is half there then.
    """
    parts = urlsplit(to)
    if parts.scheme == "s3":
        return _upload(local, parts.netloc, "/".join(filter(None, [parts.path.strip("/"), name])))
    return _move(local, Path(to) / name)


def _move(local: Path, target: Path) -> str:
    """Write aside in the same folder, then rename: a reader sees the former file or the new one."""
    beside = target.with_name(f".{target.name}.{uuid4().hex}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with local.open("rb") as source, beside.open("xb") as file:
            shutil.copyfileobj(source, file, 1 << 20)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(target)
    except OSError as error:
        raise Refused("export_failed", f"{target} can't be written: {error.strerror}.", status=503) from error
    finally:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
    return str(target)


def _upload(local: Path, bucket: str, key: str) -> str:
    """An object of S3 appears when its last part is complete; region, credentials and endpoint come from the environment."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        kind = TYPES.get(local.suffix, "application/octet-stream")
        client().upload_file(str(local), bucket, key, ExtraArgs={"ContentType": kind})
    except (Boto3Error, BotoCoreError, ClientError) as error:
        detail = f"s3://{bucket}/{key} can't be written ({type(error).__name__}); look at the bucket's name and rights."
        raise Refused("export_failed", detail, status=503) from error
    return f"s3://{bucket}/{key}"


def client() -> Any:
    """Return a client of S3 that does not wait for ever."""
    import boto3
    from botocore.config import Config

    patience = Config(connect_timeout=5, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 3})
    return boto3.client("s3", config=patience)
