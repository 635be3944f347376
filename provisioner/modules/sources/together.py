"""Whether the versions of one release can be in one runtime: tried with every choice of their settings. Pure but for Helm."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from controlplane.catalog.sourced import SourcedVersion
from provisioner.modules.base import ClusterFacts, Module, Request
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import with_defaults
from provisioner.modules.sources.confusing import confused, is_about_pods
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError
from provisioner.modules.sources.helm import Helm, HelmInterruptedError, HelmMissingError, HelmRefusedError
from provisioner.modules.sources.rendering import make
from provisioner.modules.sources.sharing import Claims, are_apart, claims_of, shared
from provisioner.modules.sources.values import variants
from provisioner.runtimes.inside import Json


def shared_faults(
    brought: Sequence[tuple[SourcedVersion, bytes]], kubernetes: str, helm: Helm
) -> list[tuple[str, SourceFault]]:
    """Return, each by a module that it is about, what two of these versions would both bring, whose pods would be taken for
    whose, and which can't be rendered.
    """
    known, found = all_modules(), list[tuple[str, SourceFault]]()
    made: dict[str, _Made] = {}
    for version, content in brought:
        if version.module not in known:
            continue  # its own review says so
        try:
            made[version.module] = _made(version, content, known[version.module], kubernetes, helm)
        except SourceInvalidError as error:
            found.append((version.module, error.fault))
        except HelmMissingError as error:
            found.append((version.module, SourceFault("helm_missing", str(error))))
        except (HelmInterruptedError, HelmRefusedError) as error:
            found.append((version.module, SourceFault("module_source_refused", str(error))))
    for one, other in combinations(sorted(made), 2):
        if are_apart(one, other):
            continue
        found += [(one, fault) for fault in shared((one, made[one].claims), (other, made[other].claims))]
        for mine, theirs in ((one, other), (other, one)):
            said = confused(made[mine].about_pods, [(theirs, made[theirs].about_pods)])
            found += [(mine, fault) for fault in dict.fromkeys(said)]
    return found


@dataclass(frozen=True)
class _Made:
    """What is asked of a version beside others, whatever its settings: bundles are large, so no more is kept."""

    claims: Claims
    about_pods: Sequence[Json]


def _made(version: SourcedVersion, content: bytes, module: Module, kubernetes: str, helm: Helm) -> _Made:
    facts = ClusterFacts("example", "aws", "eu-central-1", kubernetes, most_nodes=3)
    objects: list[Json] = []
    for settings in variants(version, module, with_defaults(module.schema, {})):
        asked = Request(version.module, version.implementation, version.version, settings, facts)
        objects += make(version, content, module, asked, helm).objects
    about_pods = {json.dumps(one, sort_keys=True): one for one in objects if is_about_pods(one)}
    return _Made(claims_of(objects), list(about_pods.values()))
