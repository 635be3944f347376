"""What live runtimes stand on: the catalog asks before it stops offering something."""

from __future__ import annotations

from django.db.models import Q

from controlplane.catalog.ports import Removal, Removals, Stranded
from provisioner.runtimes.models import Runtime

EXAMPLES = 3


def in_use(removals: Removals) -> list[Stranded]:
    """Return those removals that live runtimes stand on, with how many and a few names."""
    answers = []
    for removal in removals:
        standing = Runtime.objects.present().filter(_stands_on(removal))
        count = standing.count()
        if count:
            names = tuple(standing.order_by("id").values_list("name", flat=True)[:EXAMPLES])
            answers.append(Stranded(removal, count, names))
    return answers


def _stands_on(removal: Removal) -> Q:
    key = removal.key
    region, _, zone = key.partition("/")
    found = {
        "plan": Q(plan_id=key),
        "region": Q(region=key),
        "machine_type": Q(cluster_spec__pools__contains=[{"machine_type": key}]),
        "zone": Q(region=region, cluster_spec__pools__contains=[{"zones": [zone]}]),
        "kubernetes_version": Q(cluster_spec__kubernetes_version__startswith=f"{key}."),
        "release": Q(spec__release__key=key),
        "module": Q(spec__release__modules__has_key=key),
        "module_version": Q(cluster_spec__modules__contains=[_wish(key)]),
    }[removal.kind]
    if removal.plan:
        found &= Q(plan_id=removal.plan)
    if removal.provider:
        found &= Q(cluster_spec__provider=removal.provider)
    return found


def _wish(key: str) -> dict[str, str]:
    """Return what a wish says that has this version of a module, "module/implementation@version"."""
    module, _, rest = key.partition("/")
    implementation, _, version = rest.partition("@")
    return {"key": module, "implementation": implementation, "version": version}
