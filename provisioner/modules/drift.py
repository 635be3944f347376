"""What of a live object is not as we said it: only our own words count, whatever others or defaults added stays theirs. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from provisioner.modules.quantities import amount
from provisioner.runtimes.inside import ObjectRef

MISSING = "is missing"
_AMOUNTS = frozenset({"requests", "limits", "hard", "sizeLimit", "averageValue"})
_KEYS = ("name", "key", "port", "type")  # what tells entries of Kubernetes' lists apart


def differences(wanted: Mapping[str, Any], live: Mapping[str, Any] | None) -> list[str]:
    """Return a sentence for every field of ours that differs: "Deployment ns/name: spec.replicas"."""
    ref = ObjectRef.of(wanted)
    if live is None:
        return [f"{ref} {MISSING}"]
    ours = {key: value for key, value in wanted.items() if key not in {"apiVersion", "kind"}}
    return [f"{ref}: {'.'.join(path)}" for path in _unlike(ours, live, ())]


def _unlike(wanted: Any, live: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(wanted, Mapping) and isinstance(live, Mapping):
        for key, value in wanted.items():
            yield from _unlike(value, live.get(key), (*path, str(key)))
    elif live is None and not wanted:
        return  # servers leave out what is empty, false or zero
    elif isinstance(wanted, list) and isinstance(live, list):
        yield from _lists(wanted, live, path)
    elif wanted != live and not _same_amount(wanted, live, path):
        yield path


def _same_amount(wanted: Any, live: Any, path: tuple[str, ...]) -> bool:
    """API servers write a quantity in its shortest form, whatever was said: 1000m is 1."""
    if _AMOUNTS.isdisjoint(path):
        return False
    said = amount(wanted)
    return said is not None and said == amount(live)


def _lists(wanted: Sequence[Any], live: Sequence[Any], path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Entries with a name are found by it, whatever stands between them; others must be the same, one by one."""
    key = _key(wanted) if wanted else None
    if key is None:
        if len(wanted) != len(live):
            yield path
            return
        for index, (one, other) in enumerate(zip(wanted, live, strict=True)):
            yield from _unlike(one, other, (*path, str(index)))
        return
    there = {str(entry.get(key)): entry for entry in live if isinstance(entry, Mapping)}
    for entry in wanted:
        yield from _unlike(entry, there.get(str(entry[key])), (*path, str(entry[key])))


def _key(entries: Sequence[Any]) -> str | None:
    if not all(isinstance(entry, Mapping) for entry in entries):
        return None
    for key in _KEYS:
        names = [entry.get(key) for entry in entries]
        plain = all(isinstance(name, str | int) for name in names)  # a gateway's `port` has fields of its own
        if plain and len({str(name) for name in names}) == len(names):
            return key
    return None
