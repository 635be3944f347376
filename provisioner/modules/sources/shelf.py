"""What the catalogue in force has from elsewhere, as implementations; what was rendered once is kept in this process."""

from __future__ import annotations

import json
import logging
import math
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from functools import cache, lru_cache, partial
from threading import Lock
from time import monotonic

from django.conf import settings

from controlplane.catalog.facts import snapshot
from controlplane.catalog.loading.module_download import SourceUnavailableError
from controlplane.catalog.loading.module_sources import stored_bundle
from controlplane.catalog.ports import ModuleFault, SourceReview
from controlplane.catalog.sourced import SourcedVersion, version_key
from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.modules import ports
from provisioner.modules.base import Footprint, Implementation, Request
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import with_defaults
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError, Tried, beyond
from provisioner.modules.sources.helm import Helm, HelmInterruptedError, HelmMissingError, HelmRefusedError
from provisioner.modules.sources.rendering import Made, make
from provisioner.modules.sources.reviewing import review
from provisioner.modules.sources.together import shared_faults
from provisioner.modules.sources.values import UNSAFE, chart_values, variants
from provisioner.runtimes.inside import Json

log = logging.getLogger(__name__)
MOST_KEPT = 64 * 1024 * 1024  # bytes of what was rendered, as JSON
BUNDLES_KEPT = 8  # of at most 8 MiB each


def sourced(key: str, implementation: str, version: str) -> Implementation | None:
    """Return what stands behind a module's version from elsewhere, None where the catalogue has nothing; one statement."""
    found = snapshot().sourced.get(version_key(key, implementation, version))
    if found is None:
        return None
    footprint = Footprint(**found.footprint)
    return Implementation(found.source["url"], partial(_rendered, found), sourced=True, footprint=footprint)


def review_source(version: SourcedVersion, content: bytes, kubernetes: Sequence[str]) -> SourceReview:
    """Answer the catalogue's question whether a fetched bundle can be installed."""
    faults, summary = review(version, content, all_modules().get(version.module), kubernetes, helm())
    told = tuple(ModuleFault(fault.code, version.module, fault.detail) for fault in faults)
    return SourceReview(told, tuple(summary))


def shared_objects(brought: Sequence[tuple[SourcedVersion, bytes]], kubernetes: str) -> list[ModuleFault]:
    """Answer the catalogue's question which objects two modules of one release would both bring."""
    found = shared_faults(brought, kubernetes, helm())
    return [ModuleFault(fault.code, module, fault.detail) for module, fault in found]


def helm(*, within_seconds: float = math.inf) -> Helm:
    """Return the program that renders charts, with the time that it may take."""
    return Helm(settings.HELM_BINARY, min(settings.HELM_SECONDS, within_seconds))


class _Kept:
    """The latest renderings of this process, by what they were made of, up to so many bytes."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._made: OrderedDict[str, tuple[int, tuple[Json, ...]]] = OrderedDict()
        self._bytes = 0

    def get(self, key: str) -> tuple[Json, ...] | None:
        with self._lock:
            if key not in self._made:
                return None
            self._made.move_to_end(key)
            return self._made[key][1]

    def put(self, key: str, objects: tuple[Json, ...]) -> None:
        size = len(json.dumps(objects))
        with self._lock:
            self._bytes += size - self._made.pop(key, (0, ()))[0]
            self._made[key] = (size, objects)
            while self._bytes > MOST_KEPT:
                _, (gone, _) = self._made.popitem(last=False)
                self._bytes -= gone


_kept = _Kept()


def _rendered(version: SourcedVersion, asked: Request) -> tuple[Json, ...]:
    """Return the objects for one runtime; raises Retry where this process can't render, Fatal where nobody can."""
    # Of the cluster only what reaches the objects: most runtimes of a fleet have theirs in common.
    try:
        chart = [chart_values(version, asked), asked.cluster.kubernetes_version] if version.is_chart else []
    except SourceInvalidError as error:
        raise _refused(version, error) from error
    said = [vars(version), chart, asked.cluster.system_pool, vars(ports.images)]
    key = json.dumps(said, sort_keys=True)
    objects = _kept.get(key)
    if objects is None:
        objects = _made(version, asked)
        _kept.put(key, objects)
    return objects


def _made(version: SourcedVersion, asked: Request) -> tuple[Json, ...]:
    """Refuse what this runtime's settings add and nothing else: a published version never changes, and runtimes have it."""
    until = (
        monotonic() + settings.STEP_TIMEOUT_SECONDS * 0.8
    )  # what is rendered in a step is applied in the same one
    made = _tried(version, asked, until)
    if made.faults:
        added = _added(version, asked, Tried(made.faults, asked.settings), until)
        if added:
            said = " ".join(fault.detail for fault in added[:3])
            detail = f"Module {version.key} can't be installed with the settings that it has here: {said} Set it otherwise."
            raise Fatal(detail, code=added[0].code, audience=Audience.TENANT)
        _tell(version.key, made.faults[0])
    return made.objects


def _added(version: SourcedVersion, asked: Request, made: Tried, until: float) -> list[SourceFault]:
    """Return those of these faults that no settings bring by which the version was tried when it was let in."""
    module, let_in = all_modules()[version.module], []
    for choice in variants(version, module, with_defaults(module.schema, {})):
        faults = _tried(version, replace(asked, settings=choice), until).faults
        let_in.append(Tried(faults, choice))
        if not beyond(made, let_in):
            break
    return beyond(made, let_in)


@cache
def _tell(key: str, fault: SourceFault) -> None:
    """Once per process: an older build let it in; `catalog apply` tells operators the same."""
    log.warning("%s is in the catalogue and would not be let in by this build: %s", key, fault.detail)


def _tried(version: SourcedVersion, asked: Request, until: float) -> Made:
    try:
        program = helm(within_seconds=max(until - monotonic(), 1.0))
        return make(version, _bundle(version), all_modules()[version.module], asked, program)
    except HelmMissingError as error:
        raise Retry(str(error), code="helm_missing") from error
    except HelmInterruptedError as error:
        raise Retry(str(error), code="helm_interrupted") from error
    except (SourceInvalidError, SourceUnavailableError, HelmRefusedError) as error:
        raise _refused(version, error) from error


def _refused(version: SourcedVersion, error: Exception) -> Fatal:
    detail = f"Module {version.key} can't be rendered: {error}"
    if isinstance(error, SourceInvalidError) and error.fault.code == UNSAFE:
        return Fatal(detail, code=UNSAFE, audience=Audience.TENANT)
    return Fatal(detail, code="module_source_refused")


def _bundle(version: SourcedVersion) -> bytes:
    try:
        return _loaded(version.digest, version.source["url"])
    except LookupError:
        detail = (
            f"What {version.key} is made of is not stored; run `manage.py catalog apply`, which fetches it."
        )
        raise Retry(detail, code="module_source_missing") from None


@lru_cache(BUNDLES_KEPT)
def _loaded(digest: str, url: str) -> bytes:
    content = stored_bundle(digest, url)
    if content is None:
        raise LookupError(digest)
    return content
