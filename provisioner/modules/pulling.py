"""Which images nodes pull for a release's modules, so that somebody can copy them before. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from provisioner.modules import ports
from provisioner.modules.base import ClusterFacts
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import render
from provisioner.modules.sources.dressing import pod_of
from provisioner.modules.sources.kinds import WORKLOADS
from provisioner.modules.sources.pods import containers_of
from provisioner.modules.versions import parse_version
from provisioner.runtimes.spec import ClusterSpec, ModuleWish


@dataclass(frozen=True)
class Pulled:
    """An image as nodes name it, the modules that need it, and where it is copied from, empty where it is pulled from there."""

    image: str
    modules: tuple[str, ...]
    origin: str = ""


def images_of(release: Mapping[str, str], kubernetes: str) -> list[Pulled]:
    """Return the images of every module of a release as set by default, by name; raises Retry, Fatal as rendering does."""
    known, found = all_modules(), dict[str, list[str]]()
    facts = ClusterFacts("any", "aws", "eu-central-1", kubernetes, system_pool=True, most_nodes=3)
    for key, text in sorted(release.items()):
        version, implementation = parse_version(text, known[key])
        wishes = (ModuleWish(key, version, implementation),)
        cluster = ClusterSpec("any", "aws", "eu-central-1", kubernetes, (), modules=wishes)
        for document in render(cluster, facts=facts)[0].objects:
            template = pod_of(document) if document["kind"] in WORKLOADS else None
            for container in containers_of((template or {}).get("spec") or {}):
                modules = found.setdefault(str(container["image"]), [])
                modules += [] if key in modules else [key]
    return [
        Pulled(image, tuple(modules), ports.images.origin(image)) for image, modules in sorted(found.items())
    ]
