"""Writes and reads back Parquet: decimal128, timestamps in UTC, text; a batch of rows is in memory at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any

from billing.exports.focus.columns import Column, Form, Kind, Row, columns_of, version_of

BATCH = 10_000
DIGITS = 38  # of decimal128


def _schema(form: Form) -> Any:
    import pyarrow as pa

    def type_of(column: Column) -> Any:
        if column.kind is Kind.DECIMAL:
            return pa.decimal128(DIGITS, column.places)
        return pa.timestamp("s", tz="UTC") if column.kind is Kind.MOMENT else pa.string()

    fields = [pa.field(column.name, type_of(column), nullable=column.nullable) for column in columns_of(form)]
    return pa.schema(fields, metadata={"focus_version": version_of(form)})


def write_parquet(path: Path, rows: Iterable[Row], form: Form) -> int:
    """Write a file and return how many rows it has; raises ValueError for a value that its column can't hold."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, count, source = _schema(form), 0, iter(rows)
    columns = columns_of(form)
    try:
        with pq.ParquetWriter(path, schema, compression="zstd") as writer:
            while batch := list(islice(source, BATCH)):
                arrays = [
                    pa.array([_fitted(row.get(column.name), column) for row in batch], type=field.type)
                    for column, field in zip(columns, schema, strict=True)
                ]
                writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=schema))
                count += len(batch)
    except pa.ArrowException as error:
        raise ValueError(f"A value does not fit its column: {error}") from error
    return count


def _fitted(value: Any, column: Column) -> Any:
    if isinstance(value, Decimal) and value.is_finite():
        return value.quantize(Decimal(1).scaleb(-column.places))
    return value


def read_parquet(path: Path) -> tuple[Sequence[str], Iterator[Row]]:
    """Return the header and the rows of a file, read a batch at a time."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        header = list(file.schema_arrow.names)
    return header, _rows(path)


def _rows(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq

    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=BATCH):
            for row in batch.to_pylist():
                yield {name: _plain(value) for name, value in row.items()}


def _plain(value: Any) -> Any:
    return value.astimezone(UTC) if isinstance(value, datetime) else value
