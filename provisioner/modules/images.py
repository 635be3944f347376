"""Where images come from: this installation's registry for our own, its mirrors for everybody else's. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

NOWHERE = "registry.nesoi.example/modules"  # RFC 6761: no such domain can be; the simulator pulls nothing
EVERYWHERE = "*"  # of mirrors: every registry that has none of its own


@dataclass(frozen=True)
class Images:
    """`registry` begins the name of our own images; `mirrors` says for another registry's host what to write in its place."""

    registry: str = NOWHERE
    mirrors: Mapping[str, str] = field(default_factory=dict)

    def ours(self, name: str, version: str) -> str:
        """Return where an image of ours is."""
        return f"{self.registry}/{name}:{version}"

    def mirrored(self, image: str) -> str:
        """Return where somebody else's image is pulled from; the same again for one that is there or in our registry."""
        host, rest = split(image)
        if any(image.startswith(f"{place}/") for place in (self.registry, *self.mirrors.values())):
            return image
        if host in self.mirrors:
            return f"{self.mirrors[host]}/{rest}"
        if EVERYWHERE in self.mirrors:
            return f"{self.mirrors[EVERYWHERE]}/{f'{host}/' if host else ''}{rest}"
        return image

    def origin(self, image: str) -> str:
        """Return where a mirrored image is copied from, empty for one that no mirror of ours has."""
        for host, mirror in sorted(self.mirrors.items(), key=lambda one: -len(one[1])):
            if image.startswith(f"{mirror}/"):
                rest = image.removeprefix(f"{mirror}/")
                return rest if host == EVERYWHERE else f"{host}/{rest}"
        return ""


def split(image: str) -> tuple[str, str]:
    """Return the registry's host, empty where none is named, and the rest; as container tools tell them apart."""
    first, slash, rest = image.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return first, rest
    return "", image


def is_fixed(image: str) -> bool:
    """Say whether the name has a digest, or a tag that is meant to stay."""
    _, rest = split(image)
    name, at, _ = rest.partition("@")
    tag = name.rpartition("/")[2].partition(":")[2]
    return bool(at) or tag not in {"", "latest"}
