"""A simulated cluster shows every kind of finding, and one look with one credential finds them all."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.tenants.access import SYSTEM
from provisioner.drivers.base import ClusterRef, LandscapeAccess
from provisioner.drivers.registry import connect
from provisioner.findings import visiting
from provisioner.findings.reading import standing_of
from provisioner.findings.rules.registry import all_rules
from provisioner.findings.waiving import look_again
from provisioner.runtimes.inside import Json, ObjectRef
from provisioner.runtimes.models import Runtime
from tests.db.test_granting_access import fulfil
from tests.findings import BREAKING
from tests.plugins.simulator import Simulator
from tests.world import World, landscape, order

pytestmark = pytest.mark.django_db
SHOP: Json = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}


def test_a_simulated_cluster_shows_every_kind_of_finding(
    world: World, simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = landscape("untidy", kubeconfig=simulator.kubeconfig)
    operation = order(world)
    runtime: Runtime = operation.runtime
    fulfil(operation)
    runtime.refresh_from_db()
    look_again(actor=SYSTEM, runtime_id=runtime.pk)
    assert visiting.tick() == 1
    standing = standing_of(runtime)
    assert standing.looked_at is not None
    assert standing.sights == ()
    driver = connect(kind=place.kind, access=LandscapeAccess.of(place, timeout_seconds=10.0))
    with driver.inside(ClusterRef(runtime.cluster_name, owner=str(runtime.pk))) as api:
        api.apply(SHOP)
        for make, _ in BREAKING.values():
            for document in make():
                made = {**document, "metadata": {**document["metadata"]}}
                made["metadata"].pop("deletionTimestamp", None)
                api.apply(made)
        held = api.delete(ObjectRef("v1", "Pod", "stuck", "shop"))
        assert held is not None
        assert held["metadata"]["deletionTimestamp"]
    monkeypatch.setattr(visiting, "utcnow", lambda: utcnow() + timedelta(hours=1))
    look_again(actor=SYSTEM, runtime_id=runtime.pk)
    assert visiting.tick() == 1
    assert {sight.row.rule for sight in standing_of(runtime).sights} == set(all_rules())
    simulator.delete_shoot(runtime.cluster_name)
