"""What can be done inside a runtime's own API, with one credential over one connection. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Json = dict[str, Any]
Identity = tuple[str, str, str, str]  # group, kind, namespace, name


@dataclass(frozen=True, order=True)
class ObjectRef:
    """Names one Kubernetes object."""

    api_version: str
    kind: str
    name: str
    namespace: str = ""

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> ObjectRef:
        """Return the name of a document."""
        metadata = document["metadata"]
        return cls(
            document["apiVersion"], document["kind"], metadata["name"], metadata.get("namespace") or ""
        )

    @property
    def identity(self) -> Identity:
        """What the object is known by, whichever version of its kind it is written in."""
        return self.api_version.rpartition("/")[0], self.kind, self.namespace, self.name

    def __str__(self) -> str:
        place = f"{self.namespace}/{self.name}" if self.namespace else self.name
        return f"{self.kind} {place}"


def is_ready(node: Mapping[str, Any]) -> bool:
    """Say whether a node takes work."""
    conditions = (node.get("status") or {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)


class ClusterApi(Protocol):
    """Any object of any kind that the API serves; every call raises `Retry` or `Fatal` as drivers do."""

    def get(self, ref: ObjectRef) -> Json | None:
        """Return the object, or None where it or its kind is not there."""
        ...

    def list(
        self, api_version: str, kind: str, *, namespace: str = "", labels: str = "", most: int = 0
    ) -> Sequence[Json]:
        """Return the objects of a kind, in one namespace or in all, that a label selector matches; none for an unknown kind.

        With `most`, the first so many in the server's order.
        """
        ...

    def apply(self, document: Mapping[str, Any]) -> Json:
        """Apply server-side under our field manager, by force where others own a field, and return what is there now."""
        ...

    def delete(self, ref: ObjectRef) -> Json | None:
        """Ask for removal; what finalizers still hold comes back, None once it is gone."""
        ...
