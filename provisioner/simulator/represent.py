"""Answers in the form that Accept asks for: objects, Tables, or metadata alone."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import Enum
from typing import Any

import orjson
from aiohttp import web

from provisioner.simulator.errors import ApiError, Json
from provisioner.simulator.history import Entry
from provisioner.simulator.kinds import Resource
from provisioner.simulator.tables import columns_of, row_of

JSON_TYPE = "application/json"


class Form(Enum):
    """How an object is shown."""

    OBJECT = "object"
    TABLE = "table"
    METADATA = "metadata"


def form_of(request: web.Request) -> Form:
    """Read Accept; raises 406 when nothing we speak is in it."""
    accept = request.headers.get("Accept", "") or "*/*"
    for choice in accept.split(","):
        kind, *parameters = [part.strip() for part in choice.split(";")]
        options = dict(part.split("=", 1) for part in parameters if "=" in part)
        if kind not in (JSON_TYPE, "*/*", "application/*"):
            continue
        wanted = options.get("as", "")
        if not wanted:
            return Form.OBJECT
        if wanted == "Table" and options.get("v") == "v1":
            return Form.TABLE
        if wanted.startswith("PartialObjectMetadata"):
            return Form.METADATA
    raise ApiError(406, "NotAcceptable", f"only application/json is spoken here, not {accept}")


def answer(body: bytes | Json, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """Return a JSON response."""
    data = body if isinstance(body, bytes) else orjson.dumps(body)
    return web.Response(body=data, status=status, headers={"Content-Type": JSON_TYPE, **(headers or {})})


def in_version(raw: bytes, resource: Resource) -> bytes:
    """Return a custom object in the served version it was asked for."""
    if not resource.custom and resource.group != "autoscaling":
        return raw
    document = orjson.loads(raw)
    if document.get("apiVersion") == resource.api_version:
        return raw
    document["apiVersion"] = resource.api_version
    return orjson.dumps(document)


def metadata_only(document: Json) -> Json:
    """Return a PartialObjectMetadata."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": document.get("metadata", {}),
    }


def table(resource: Resource, documents: Iterable[Json], metadata: Json, include: str) -> Json:
    """Return a metav1.Table."""
    columns = columns_of(resource)
    rows: list[Json] = []
    for document in documents:
        row: Json = {"cells": row_of(resource, document)}
        if include == "Object":
            row["object"] = document
        elif include != "None":
            row["object"] = metadata_only(document)
        rows.append(row)
    return {
        "kind": "Table",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "columnDefinitions": columns,
        "rows": rows,
    }


def show(request: web.Request, resource: Resource, raw: bytes, status: int = 200) -> web.Response:
    """Answer with one object."""
    form = form_of(request)
    raw = in_version(raw, resource)
    if form is Form.OBJECT:
        return answer(raw, status)
    document = orjson.loads(raw)
    if form is Form.METADATA:
        return answer(metadata_only(document), status)
    version = {"resourceVersion": document["metadata"].get("resourceVersion", "")}
    return answer(
        table(resource, [document], version, request.query.get("includeObject", "Metadata")), status
    )


def show_list(
    request: web.Request, resource: Resource, items: Sequence[bytes], metadata: Json
) -> web.Response:
    """Answer with a list; the stored bytes are joined, not parsed, where objects are asked for."""
    form = form_of(request)
    raws = [in_version(raw, resource) for raw in items]
    if form is Form.OBJECT:
        head = orjson.dumps(
            {"kind": f"{resource.kind}List", "apiVersion": resource.api_version, "metadata": metadata}
        )
        return answer(head[:-1] + b',"items":[' + b",".join(raws) + b"]}")
    documents = [orjson.loads(raw) for raw in raws]
    if form is Form.TABLE:
        return answer(table(resource, documents, metadata, request.query.get("includeObject", "Metadata")))
    partial: Json = {
        "kind": "PartialObjectMetadataList",
        "apiVersion": "meta.k8s.io/v1",
        "metadata": metadata,
        "items": [metadata_only(document) for document in documents],
    }
    return answer(partial)


def event_bytes(kind: str, entry: Entry, resource: Resource, form: Form, include: str, first: bool) -> bytes:
    """Return one line of a watch."""
    raw = in_version(entry.raw, resource)
    if form is not Form.OBJECT:
        document: Any = orjson.loads(raw)
        if form is Form.METADATA:
            document = metadata_only(document)
        else:
            version = {"resourceVersion": str(entry.version)}
            document = table(resource, [document], version, include)
            if not first:
                document["columnDefinitions"] = []
        raw = orjson.dumps(document)
    return b'{"type":"' + kind.encode() + b'","object":' + raw + b"}\n"
