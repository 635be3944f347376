"""The metadata that lies beside the data: which schema, which version, who made it, what the columns are."""

from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

from billing.exports.focus.columns import Form, Kind, columns_of, version_of

GENERATOR = "Nesoi"
NULLABLE = {True: "Allows nulls", False: "Does not allow nulls"}


def schema_of(form: Form, file_format: str) -> dict[str, Any]:
    """Return the metadata of a file; SchemaId is the same as long as nothing about the columns changes."""
    columns = [
        {
            "ColumnName": column.name,
            "DataType": str(column.kind),
            "Nullability": NULLABLE[column.nullable],
            "Description": column.told,
            **({"NumericPrecision": 38, "NumberScale": column.places} if column.kind is Kind.DECIMAL else {}),
            **({"StringEncoding": "UTF-8"} if column.kind in (Kind.TEXT, Kind.JSON) else {}),
        }
        for column in columns_of(form)
    ]
    told = {"FocusVersion": version_of(form), "FileFormat": file_format, "ColumnDefinition": columns}
    digest = sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()[:16]
    return {"SchemaId": f"nesoi-{form}-{digest}", "DataGenerator": GENERATOR, **told}
