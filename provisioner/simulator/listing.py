"""Lists: pages with a continue token, selectors, and the version a watch can start from."""

from __future__ import annotations

import base64
from collections.abc import Callable

import orjson
from aiohttp import web

from provisioner.simulator.call import MAX_DIGITS, Call, int_param
from provisioner.simulator.errors import ApiError, Json, bad_request, expired
from provisioner.simulator.history import Entry
from provisioner.simulator.represent import show_list
from provisioner.simulator.selectors import FieldTerm, field_value, parse_fields, parse_labels
from provisioner.simulator.store import Place, read

EntryTest = Callable[[Entry], bool]


def entry_test(call: Call) -> EntryTest | None:
    """Return what the selectors and the path ask of an entry, None when they ask nothing."""
    labels = parse_labels(call.query.get("labelSelector", ""))
    terms = parse_fields(call.query.get("fieldSelector", ""))
    if call.address.name:
        terms.append((("metadata", "name"), True, call.address.name))
    if labels is None and not terms:
        return None
    cheap = [term for term in terms if term[0] in (("metadata", "name"), ("metadata", "namespace"))]
    deep = [term for term in terms if term not in cheap]

    def test(entry: Entry) -> bool:
        if labels is not None and not labels(entry.labels):
            return False
        for path, equal, value in cheap:
            found = entry.name if path[1] == "name" else entry.namespace
            if (found == value) != equal:
                return False
        return not deep or _deep_match(entry, deep)

    return test


def _deep_match(entry: Entry, terms: list[FieldTerm]) -> bool:
    document = read(entry)
    return all((field_value(document, path) == value) == equal for path, equal, value in terms)


def _encode(version: int, place: Place) -> str:
    return base64.urlsafe_b64encode(orjson.dumps([version, *place])).decode()


def _decode(token: str) -> tuple[int, Place]:
    try:
        version, namespace, name = orjson.loads(base64.urlsafe_b64decode(token))
        return int(version), (str(namespace), str(name))
    except ValueError:
        raise bad_request("continue key is not valid: start the list again without it") from None


def list_objects(call: Call) -> web.Response:
    """Answer a list.

    A later page carries the version of the first: what changed in between reaches the client through the watch
    it starts from there, so nothing is missed although pages show the present state.
    """
    limit, token = int_param(call, "limit"), call.query.get("continue", "")
    test = entry_test(call)
    collection = call.endpoint.collection(*call.resource.key)
    version, after = call.endpoint.store.version, None
    check_version(call, call.query.get("resourceVersion", ""))
    if token:
        version, after = _decode(token)
        if version < collection.history.floor:
            raise expired("The provided continue parameter is too old: list again without it")
    items: list[bytes] = []
    more = False
    last: Place = ("", "")
    for entry in collection.scan(call.address.namespace, after):
        if test is not None and not test(entry):
            continue
        if limit and len(items) >= limit:
            more = True
            break
        items.append(entry.raw)
        last = (entry.namespace, entry.name)
    metadata: Json = {"resourceVersion": str(version)}
    if more:
        metadata["continue"] = _encode(version, last)
        if test is None and not call.address.namespace:
            metadata["remainingItemCount"] = max(len(collection) - collection.rank(last), 1)
    return show_list(call.request, call.resource, items, metadata)


def check_version(call: Call, text: str) -> int:
    """Read a resourceVersion; raises 400 for nonsense and 504 for one from the future."""
    if not text:
        return 0
    if not text.isdigit() or len(text) > MAX_DIGITS:
        raise bad_request(f"resourceVersion: Invalid value: {text!r}: must be a whole number")
    version = int(text)
    if version > call.endpoint.store.version:
        raise ApiError(
            504,
            "Timeout",
            f"Too large resource version: {version}, current: {call.endpoint.store.version}",
            details={
                "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
                "retryAfterSeconds": 1,
            },
        )
    return version
