"""One request to an endpoint, taken apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import orjson
import yaml
from aiohttp import web

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import ApiError, Json, bad_request
from provisioner.simulator.identity import User
from provisioner.simulator.kinds import Resource
from provisioner.simulator.protobuf import CONTENT_TYPE, MAGIC, decode_protobuf

MAX_MANAGER = 128
MAX_DIGITS = 18
PARTS = 3


@dataclass(frozen=True, slots=True)
class Address:
    """What a path names below /api/v1 or /apis/<group>/<version>."""

    group: str
    version: str
    namespace: str = ""
    plural: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """A request with its endpoint, its kind and its caller."""

    request: web.Request
    endpoint: Endpoint
    resource: Resource
    address: Address
    user: User

    @property
    def query(self) -> Mapping[str, str]:
        """Return the query parameters."""
        return self.request.query

    @property
    def dry_run(self) -> bool:
        """Say whether nothing may be stored; raises 400 for an unknown dryRun."""
        wanted = self.request.query.getall("dryRun", [])
        if any(each not in ("", "All") for each in wanted):
            raise bad_request(f"invalid dryRun: {wanted[0]!r}: only 'All' is known")
        return "All" in wanted

    @property
    def manager(self) -> str:
        """Return the field manager: as asked for, or the program's name."""
        asked = self.query.get("fieldManager", "")
        if len(asked) > MAX_MANAGER:
            raise bad_request("fieldManager may have at most 128 characters")
        return asked or self.request.headers.get("User-Agent", "unknown").split("/")[0][:MAX_MANAGER]


def parse_address(parts: list[str]) -> Address | None:
    """Read the parts of a path that begins with `api` or `apis`; None when it names no resource."""
    if parts[0] == "api":
        if len(parts) < PARTS:
            return None
        group, version, rest = "", parts[1], parts[2:]
    else:
        if len(parts) < PARTS + 1:
            return None
        group, version, rest = parts[1], parts[2], parts[3:]
    namespace = ""
    if rest[0] == "namespaces" and len(rest) >= PARTS and rest[2] not in ("status", "finalize"):
        namespace, rest = rest[1], rest[2:]
    if len(rest) > PARTS or not all(rest):
        return None
    plural, name, subresource = (*rest, "", "")[:3]
    return Address(group, version, namespace, plural, name, subresource)


def int_param(call: Call, name: str) -> int:
    """Return a whole-number query parameter, 0 when absent."""
    text = call.query.get(name, "")
    if not text:
        return 0
    if not text.isdigit() or len(text) > MAX_DIGITS:
        raise bad_request(f"query parameter {name} must be a whole number, not {text!r}")
    return int(text)


def bool_param(call: Call, name: str) -> bool:
    """Return a yes-or-no query parameter, no when absent."""
    return call.query.get(name, "").lower() in ("true", "1")


async def read_document(call: Call) -> Json:
    """Read a JSON or YAML object from the body; raises 400, 413 or 415."""
    kind = call.request.content_type
    if kind not in ("application/json", "application/yaml", "application/octet-stream", CONTENT_TYPE):
        raise unsupported(kind)
    body = await read_body(call.request)
    document = decode(body, allow_yaml=kind == "application/yaml")
    if not isinstance(document, dict):
        raise bad_request("the body of the request is not an object")
    return document


async def read_body(request: web.Request) -> bytes:
    """Read the body; raises 413 beyond 3 MiB."""
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge:
        raise ApiError(
            413, "RequestEntityTooLarge", "the body of the request is larger than 3145728 bytes"
        ) from None


def decode(body: bytes, *, allow_yaml: bool) -> object:
    """Read JSON, Kubernetes' protobuf, or YAML where that is allowed."""
    if body.startswith(MAGIC):
        return decode_protobuf(body)
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        if not allow_yaml:
            raise bad_request(f"the body of the request is no JSON: {error}") from None
    try:
        return yaml.safe_load(body)
    except yaml.YAMLError as error:
        raise bad_request(f"the body of the request is neither JSON nor YAML: {error}") from None


def unsupported(kind: str) -> ApiError:
    """Return the 415 for a content type."""
    return ApiError(
        415,
        "UnsupportedMediaType",
        f"the body of the request was in an unknown format ({kind}); use application/json or, for patches, "
        "application/merge-patch+json, application/json-patch+json, application/strategic-merge-patch+json "
        "or application/apply-patch+yaml",
    )
