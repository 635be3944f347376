"""Opens a bill's files, from a folder or a bucket, and reads their rows one after the other."""

from __future__ import annotations

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit

from billing.exports.bills.line import Raw
from billing.exports.places import client
from controlplane.kernel.errors import Refused

ENDINGS = (".parquet", ".csv", ".csv.gz")
BATCH = 5000
LONGEST_FIELD = 1 << 20


@contextmanager
def files_of(source: str) -> Iterator[list[Path]]:
    """Give the files of a bill in the order of their names, those of a bucket in a folder of our own.

    `source` is a file, a folder, an object, or a prefix in a bucket that ends with a slash. Raises Refused bill_not_found (404).
    """
    if urlsplit(source).scheme == "s3":
        with TemporaryDirectory(prefix="bill-") as folder:
            yield _download(source, Path(folder))
        return
    found = _in_folder(Path(source))
    if not found:
        raise _missing(source)
    yield found


def _in_folder(place: Path) -> list[Path]:
    found = sorted(path for path in place.rglob("*") if path.is_file()) if place.is_dir() else [place]
    return [path for path in found if path.name.endswith(ENDINGS) and path.is_file()]


def fingerprint_of(source: str) -> str:
    """Return what changes whenever the files at a place do, without reading them; "" where there are none.

    Raises Refused bill_not_readable (503).
    """
    if urlsplit(source).scheme == "s3":
        with _told_of(source):
            told = [f"{entry['Key']} {entry['Size']} {entry['ETag']}" for entry in _entries(source, client())]
    else:
        files = [(path, path.stat()) for path in _in_folder(Path(source))]
        told = [f"{path} {status.st_size} {status.st_mtime_ns}" for path, status in files]
    return hashlib.sha256("\n".join(told).encode()).hexdigest() if told else ""


def _missing(source: str) -> Refused:
    detail = f"There is no bill at {source}: no file that ends with {', '.join(ENDINGS)}."
    return Refused("bill_not_found", detail, status=404, field="source")


def _download(source: str, folder: Path) -> list[Path]:
    s3, found = client(), list[Path]()
    with _told_of(source):
        for number, entry in enumerate(_entries(source, s3)):
            file = folder / f"{number:05}-{Path(entry['Key']).name}"
            s3.download_file(urlsplit(source).netloc, entry["Key"], str(file))
            found.append(file)
    if not found:
        raise _missing(source)
    return found


def _entries(source: str, s3: Any) -> list[dict[str, Any]]:
    """List a bill's objects in the order of their keys: one object, or all below a prefix that ends with a slash."""
    parts = urlsplit(source)
    prefix = parts.path.lstrip("/")
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=parts.netloc, Prefix=prefix)
    listed = [entry for page in pages for entry in page.get("Contents", ())]
    whole = not prefix or prefix.endswith("/")
    found = [entry for entry in listed if whole or entry["Key"] == prefix]
    return sorted(
        (entry for entry in found if entry["Key"].endswith(ENDINGS)), key=lambda entry: entry["Key"]
    )


@contextmanager
def _told_of(source: str) -> Iterator[None]:
    """Say of a bucket that does not answer, or does not let us in, what to look at."""
    from boto3.exceptions import Boto3Error
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (Boto3Error, BotoCoreError, ClientError) as error:
        detail = f"{source} can't be read ({type(error).__name__}); look at the bucket's name and rights."
        raise Refused("bill_not_readable", detail, status=503, field="source") from error


def digest_of(files: Sequence[Path]) -> str:
    """Return the SHA-256 of files, one after the other."""
    whole = hashlib.sha256()
    for path in files:
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def rows_of(path: Path, needed: Sequence[str], useful: Sequence[str]) -> Iterator[Raw]:
    """Yield the rows of one file; raises Refused bill_not_readable for a broken one, bill_malformed where a column lacks."""
    try:
        yield from _parquet(path, needed, useful) if path.suffix == ".parquet" else _text(path, needed)
    except (
        OSError,
        ValueError,
        EOFError,
        zlib.error,
        csv.Error,
    ) as error:  # pyarrow's errors are ValueErrors and OSErrors
        raise Refused("bill_not_readable", f"{path.name} can't be read: {error}", field="source") from error


def _text(path: Path, needed: Sequence[str]) -> Iterator[Raw]:
    csv.field_size_limit(LONGEST_FIELD)
    opened = gzip.open if path.name.endswith(".gz") else open
    with opened(path, "rt", encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, restkey="")
        _columns(path, reader.fieldnames or (), needed)
        yield from reader


def _parquet(path: Path, needed: Sequence[str], useful: Sequence[str]) -> Iterator[Raw]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        names = file.schema_arrow.names
        _columns(path, names, needed)
        wanted = [name for name in (*needed, *useful) if name in names]
        for batch in file.iter_batches(batch_size=BATCH, columns=wanted):
            yield from batch.to_pylist()


def _columns(path: Path, names: Sequence[str], needed: Sequence[str]) -> None:
    lacking = [name for name in needed if name not in names]
    if lacking:
        detail = f"{path.name} has no column {', '.join(lacking)}; nothing was booked."
        raise Refused("bill_malformed", detail, field=lacking[0])
