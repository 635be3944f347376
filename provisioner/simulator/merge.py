"""The four patch languages but server-side apply: merge, JSON patch, strategic merge."""

from __future__ import annotations

import copy
from typing import Any

from provisioner.simulator.errors import ApiError, Json, bad_request
from provisioner.simulator.shape import builtin_keys, identity


def merge_patch(target: Any, patch: Any) -> Any:
    """Apply RFC 7386; null removes."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merge_patch(result.get(key), value)
    return result


def strategic_patch(target: Any, patch: Json) -> Json:
    """Apply a strategic merge patch: lists of named things merge by their name."""
    result: Json = dict(target) if isinstance(target, dict) else {}
    if patch.get("$patch") == "replace":
        return {key: value for key, value in patch.items() if key != "$patch"}
    keep = patch.get("$retainKeys")
    if keep is not None:
        result = {key: value for key, value in result.items() if key in keep}
    for key, value in patch.items():
        if key.startswith("$deleteFromPrimitiveList/"):
            field = key.partition("/")[2]
            result[field] = [each for each in result.get(field) or [] if each not in value]
        elif key.startswith("$"):
            continue
        elif value is None:
            result.pop(key, None)
        elif isinstance(value, dict):
            if value.get("$patch") == "delete":
                result.pop(key, None)
            else:
                result[key] = strategic_patch(result.get(key), value)
        elif isinstance(value, list):
            result[key] = _merge_list(key, result.get(key), value)
        else:
            result[key] = value
    return result


def _merge_list(field: str, target: Any, patch: list[Any]) -> list[Any]:
    current = list(target) if isinstance(target, list) else []
    if field == "finalizers":
        return current + [each for each in patch if each not in current]
    keys = builtin_keys(field, patch)
    if keys is None or any(isinstance(each, dict) and each.get("$patch") == "replace" for each in patch):
        return [each for each in patch if not (isinstance(each, dict) and "$patch" in each)]
    merge_key = keys[:1]
    for each in patch:
        name = identity(each, merge_key)
        index = next((i for i, old in enumerate(current) if identity(old, merge_key) == name), None)
        if each.get("$patch") == "delete":
            if index is not None:
                del current[index]
        elif index is None:
            current.append(strategic_patch({}, each))
        else:
            current[index] = strategic_patch(current[index], each)
    return current


def json_patch(target: Json, operations: Any) -> Json:
    """Apply RFC 6902; raises 400 for a malformed patch and 422 when a path or test does not hold."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    document: Any = copy.deepcopy(target)
    for each in operations:
        if not isinstance(each, dict) or "op" not in each or not isinstance(each.get("path"), str):
            raise bad_request("each operation of a JSON patch needs 'op' and 'path'")
        document = _operate(document, each)
    if not isinstance(document, dict):
        raise bad_request("the patch does not leave an object")
    return document


def _operate(document: Any, each: Json) -> Any:
    op, path = each["op"], _pointer(each["path"])
    if op in ("move", "copy"):
        source = _pointer(each.get("from", ""))
        value = copy.deepcopy(_lookup(document, source))
        if op == "move":
            document = _change(document, source, "remove", None)
        return _change(document, path, "add", value)
    if op == "test":
        if _lookup(document, path) != each.get("value"):
            raise _unprocessable(f"testing value {each['path']} failed")
        return document
    if op not in ("add", "remove", "replace"):
        raise bad_request(f"unknown JSON patch operation {op!r}")
    return _change(document, path, op, each.get("value"))


def _unprocessable(why: str) -> ApiError:
    return ApiError(422, "Invalid", f"the server rejected our request due to an error in our request: {why}")


def _pointer(text: str) -> list[str]:
    if text == "":
        return []
    return [part.replace("~1", "/").replace("~0", "~") for part in text.split("/")[1:]]


def _step(node: Any, part: str) -> Any:
    try:
        return node[int(part)] if isinstance(node, list) else node[part]
    except (KeyError, IndexError, ValueError, TypeError):
        raise _unprocessable(f"missing path {part!r}") from None


def _lookup(document: Any, path: list[str]) -> Any:
    for part in path:
        document = _step(document, part)
    return document


def _change(document: Any, path: list[str], op: str, value: Any) -> Any:
    if not path:
        return value
    parent, last = _lookup(document, path[:-1]), path[-1]
    if isinstance(parent, list):
        _change_list(parent, last, op, value)
    elif isinstance(parent, dict):
        if op != "add" and last not in parent:
            raise _unprocessable(f"missing path {last!r}")
        if op == "remove":
            del parent[last]
        else:
            parent[last] = value
    else:
        raise _unprocessable(f"{last!r} has no parent object")
    return document


def _change_list(parent: list[Any], last: str, op: str, value: Any) -> None:
    if last != "-" and not last.isdigit():
        raise _unprocessable(f"{last!r} is no index of a list")
    index = len(parent) if last == "-" else int(last)
    if op == "add" and index <= len(parent):
        parent.insert(index, value)
    elif index >= len(parent):
        raise _unprocessable(f"index {last} is out of range")
    elif op == "remove":
        del parent[index]
    else:
        parent[index] = value
