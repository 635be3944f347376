"""Whether a bundle can be installed, asked when the catalogue is applied: tried in every way in which it could come. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from decimal import Decimal

from controlplane.catalog.sourced import SourcedVersion
from provisioner.modules.base import ClusterFacts, Footprint, Module, Request
from provisioner.modules.quantities import MEBIBYTE, amount
from provisioner.modules.rendering import digest_of, with_defaults
from provisioner.modules.sources.charts import chart_faults
from provisioner.modules.sources.dressing import pod_of
from provisioner.modules.sources.faults import SourceFault, SourceInvalidError
from provisioner.modules.sources.helm import Helm, HelmInterruptedError, HelmMissingError, HelmRefusedError
from provisioner.modules.sources.kinds import WORKLOADS
from provisioner.modules.sources.pods import containers_of
from provisioner.modules.sources.rendering import Made, make, places_of
from provisioner.modules.sources.values import path_faults, variants
from provisioner.runtimes.inside import Json

MOST_FAULTS = 15


def review(
    version: SourcedVersion, content: bytes, module: Module | None, kubernetes: Sequence[str], helm: Helm
) -> tuple[list[SourceFault], list[str]]:
    """Return what is wrong, each said once, and what would come, in sentences."""
    if module is None:
        detail = f"this build has no module {version.module}: a source stands behind what a module of the build promises."
        return [SourceFault("module_unknown", detail)], []
    found = list(_declared(version, module, kubernetes))
    if version.is_chart:
        found += chart_faults(content, version.source["version"])
    if found:
        return found[:MOST_FAULTS], []
    try:
        tried = list(_tried(version, content, module, kubernetes, helm))
    except SourceInvalidError as error:
        return [error.fault], []
    except HelmMissingError as error:
        return [SourceFault("helm_missing", str(error))], []
    except (HelmInterruptedError, HelmRefusedError) as error:
        return [SourceFault("module_source_refused", str(error))], []
    found = [fault for made in tried for fault in made.faults]
    if not tried[0].objects:
        found.append(SourceFault("module_source_invalid", "there is no object in it; name another one."))
    takes = footprint_of(tried[0].objects)
    found += _floating(tried) + _exceeding(version, module, takes)
    return list(dict.fromkeys(found))[:MOST_FAULTS], list(_summary(content, tried[0], takes))


def _declared(version: SourcedVersion, module: Module, kubernetes: Sequence[str]) -> Iterator[SourceFault]:
    if not kubernetes:
        detail = (
            "the catalogue has no Kubernetes version on which it could be tried; add one to kubernetes.yaml."
        )
        yield SourceFault("module_source_untried", detail)
    if version.implementation in module.implementations:
        detail = (
            f"module {module.key} has an implementation {version.implementation} of this build; call this one otherwise: a name "
            "stands for one of them."
        )
        yield SourceFault("module_implementation_taken", detail)
    places = places_of(module, _asked(version, {}, "1.0.0"))
    if version.namespace and version.namespace not in places:
        names = ", ".join(sorted(places))
        yield SourceFault(
            "module_object_place", f"module {module.key} can't be in {version.namespace}; it can in {names}."
        )
    yield from path_faults(version, module)


def _asked(
    version: SourcedVersion, settings: dict[str, object], kubernetes: str, *, pool: bool = False
) -> Request:
    facts = ClusterFacts("example", "aws", "eu-central-1", kubernetes, system_pool=pool, most_nodes=3)
    return Request(version.module, version.implementation, version.version, settings, facts)


def _tried(
    version: SourcedVersion, content: bytes, module: Module, kubernetes: Sequence[str], helm: Helm
) -> Iterator[Made]:
    """Yield the defaults twice, then what each Kubernetes version, a pool of the platform's own and each choice make of it."""
    defaults = with_defaults(module.schema, {})
    first = _asked(version, defaults, kubernetes[0])
    yield make(version, content, module, first, helm)
    yield make(version, content, module, first, helm)
    for other in kubernetes[1:]:
        yield make(version, content, module, _asked(version, defaults, other), helm)
    yield make(version, content, module, _asked(version, defaults, kubernetes[-1], pool=True), helm)
    for settings in variants(version, module, defaults)[1:]:
        yield make(version, content, module, _asked(version, settings, kubernetes[0]), helm)


def _floating(tried: Sequence[Made]) -> list[SourceFault]:
    first, second = tried[0].objects, tried[1].objects
    if digest_of(first) == digest_of(second):
        return []
    names = [str(one["metadata"]["name"]) for one, other in zip(first, second, strict=False) if one != other]
    detail = (
        f"the chart renders differently every time ({', '.join(names[:3])}): what it makes up anew, such as passwords or "
        "certificates, would be changed in every runtime at every look. Set it by values, or take a chart that asks for it."
    )
    return [SourceFault("module_source_floating", detail)]


def footprint_of(objects: Sequence[Json]) -> Footprint:
    """Return what the workloads request, as a module's declaration counts it."""
    total = Footprint()
    for document in objects:
        template = pod_of(document) if document["kind"] in WORKLOADS else None
        if template is None or not isinstance(template.get("spec"), dict):
            continue
        cpu, memory = (_requested(template["spec"], key) for key in ("cpu", "memory"))
        millicores, mebibytes = -(-cpu * 1000 // 1), -(-memory // MEBIBYTE)
        if document["kind"] == "DaemonSet":
            one = Footprint(per_node_cpu_millicores=int(millicores), per_node_memory_mib=int(mebibytes))
        else:
            replicas = _replicas(document)
            one = Footprint(int(millicores) * replicas, int(mebibytes) * replicas, replicas=replicas)
        total = total.plus(one)
    return total


def _replicas(document: Json) -> int:
    """Return how many pods of a workload there are at a time; of a CronJob those of one run."""
    spec = document["spec"]
    if document["kind"] == "CronJob":
        return int(spec["jobTemplate"]["spec"].get("parallelism", 1))
    return int(spec.get("replicas", 1))


def _requested(spec: Json, key: str) -> Decimal:
    """Return what a pod requests, as Kubernetes counts it: all its containers, or the greediest that runs before them."""
    before = [_of(one, key) for one in spec.get("initContainers") or ()]
    listed = sum((_of(one, key) for one in spec.get("containers") or ()), Decimal(0))
    return max([listed, *before])


def _of(container: Json, key: str) -> Decimal:
    return amount(((container.get("resources") or {}).get("requests") or {}).get(key)) or Decimal(0)


def _exceeding(version: SourcedVersion, module: Module, takes: Footprint) -> list[SourceFault]:
    allowed = module.footprint.plus(Footprint(**version.footprint).beyond(module.footprint))
    over = {name: more for name, more in vars(takes.beyond(allowed)).items() if more}
    if not over:
        return []
    said = ", ".join(
        f"{name} {getattr(takes, name)} ({getattr(allowed, name)} are declared)" for name in over
    )
    wanted = ", ".join(f"{name}: {getattr(takes, name)}" for name in over)
    detail = (
        f"it requests more than module {module.key} says that it takes: {said}. The platform's namespace is bounded by that; "
        f"lower it by values or `resources`, or declare it: `footprint: {{{wanted}}}`."
    )
    return [SourceFault("module_footprint_exceeded", detail)]


def _summary(content: bytes, made: Made, takes: Footprint) -> Iterator[str]:
    counted = Counter(one["kind"] for one in made.objects)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(counted.items()))
    left = f"; {made.left_out} left out (the platform's namespace, tests)" if made.left_out else ""
    yield f"{len(content)} bytes, verified; {len(made.objects)} objects: {kinds}{left}"
    images = sorted(
        {
            str(container.get("image"))
            for one in made.objects
            if one["kind"] in WORKLOADS
            for container in containers_of((pod_of(one) or {}).get("spec") or {})
        }
    )
    if images:
        yield f"images: {', '.join(images)}"
    yield (
        f"requests {takes.cpu_millicores}m CPU and {takes.memory_mib} MiB in {takes.replicas} replicas, and on each node "
        f"{takes.per_node_cpu_millicores}m and {takes.per_node_memory_mib} MiB"
    )
