"""What a driver grants to a program: a role of its own, tokens that end, and a revocation that ends them at once."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.drivers.kube.client import KubeClient
from provisioner.drivers.kube.kubeconfig import parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused
from provisioner.modules.objects import ACCESS, namespace
from provisioner.runtimes.inside import ObjectRef
from provisioner.runtimes.spec import ClusterSpec
from tests.contracts.drivers import Ground, ref

CONFIG_MAPS = "/api/v1/namespaces/default/configmaps"
SECRETS = "/api/v1/namespaces/default/secrets"
ROLES = "/apis/rbac.authorization.k8s.io/v1/clusterroles"
HOUR = timedelta(hours=1)


@pytest.fixture
def cluster(ground: Ground) -> ClusterSpec:
    ground.trouble()  # skips where no cluster can be entered
    wish = ground.wish()
    ground.ready(wish)
    return wish


def status(granted: Kubeconfig, method: str, path: str, body: dict[str, object] | None = None) -> int:
    """Ask the cluster as whoever was granted access would; 200 when it says yes."""
    api = KubeClient(parse_kubeconfig(granted.yaml), name="the cluster", timeout_seconds=10, landscape=False)
    try:
        api.call(method, path, body=body)
    except ApiRefused as refused:
        return refused.status
    finally:
        api.close()
    return 200


def a(kind: str, name: str) -> dict[str, object]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def test_each_role_may_do_what_its_name_says(ground: Ground, cluster: ClusterSpec) -> None:
    may = {}
    for role in Role:
        granted = ground.driver.grant(ref(cluster), name=f"ci-{role.value}", role=role, ttl=HOUR)
        may[role] = [
            status(granted, "GET", CONFIG_MAPS),
            status(granted, "GET", SECRETS),
            status(granted, "POST", CONFIG_MAPS, a("ConfigMap", f"made-by-{role.value}")),
            status(granted, "GET", ROLES),
        ]
    assert may == {
        Role.VIEW: [200, 403, 403, 403],
        Role.EDIT: [200, 200, 200, 403],
        Role.ADMIN: [200, 200, 200, 200],
    }


def test_the_namespace_keeps_what_the_module_isolation_says_of_it(
    ground: Ground, cluster: ClusterSpec
) -> None:
    said = namespace(ACCESS, security="restricted")
    with ground.driver.inside(ref(cluster)) as island:
        island.apply(said)
        ground.driver.grant(ref(cluster), name="ci", role=Role.VIEW, ttl=HOUR)
        live = island.get(ObjectRef.of(said))
    assert live
    assert said["metadata"]["labels"].items() <= live["metadata"]["labels"].items()


def test_it_ends_when_it_was_asked_to(ground: Ground, cluster: ClusterSpec) -> None:
    granted = ground.driver.grant(ref(cluster), name="ci", role=Role.VIEW, ttl=timedelta(minutes=30))
    assert timedelta(minutes=29) < granted.expires_at - utcnow() <= timedelta(minutes=31)


def test_it_holds_a_token_and_nothing_of_the_administrator_who_made_it(
    ground: Ground, cluster: ClusterSpec
) -> None:
    access = parse_kubeconfig(ground.driver.grant(ref(cluster), name="ci", role=Role.ADMIN, ttl=HOUR).yaml)
    assert access.token
    assert not access.key_pem
    assert not access.certificate_pem


def test_granting_again_adds_a_token_and_takes_none(ground: Ground, cluster: ClusterSpec) -> None:
    first, second = (ground.driver.grant(ref(cluster), name="ci", role=Role.VIEW, ttl=HOUR) for _ in range(2))
    assert [status(one, "GET", CONFIG_MAPS) for one in (first, second)] == [200, 200]


def test_another_role_takes_the_place_of_the_first(ground: Ground, cluster: ClusterSpec) -> None:
    admin = ground.driver.grant(ref(cluster), name="ci", role=Role.ADMIN, ttl=HOUR)
    viewer = ground.driver.grant(ref(cluster), name="ci", role=Role.VIEW, ttl=HOUR)
    assert [status(one, "GET", SECRETS) for one in (admin, viewer)] == [403, 403]
    assert status(viewer, "GET", CONFIG_MAPS) == 200


def test_revoking_ends_this_name_at_once_and_no_other(ground: Ground, cluster: ClusterSpec) -> None:
    gone, stays = (
        ground.driver.grant(ref(cluster), name=name, role=Role.ADMIN, ttl=HOUR) for name in ("gone", "stays")
    )
    ground.driver.revoke(ref(cluster), name="gone")
    ground.driver.revoke(ref(cluster), name="gone")
    assert [status(one, "GET", CONFIG_MAPS) for one in (gone, stays)] == [401, 200]


def test_a_name_granted_anew_does_not_revive_the_old_token(ground: Ground, cluster: ClusterSpec) -> None:
    old = ground.driver.grant(ref(cluster), name="ci", role=Role.ADMIN, ttl=HOUR)
    ground.driver.revoke(ref(cluster), name="ci")
    ground.driver.grant(ref(cluster), name="ci", role=Role.ADMIN, ttl=HOUR)
    assert status(old, "GET", CONFIG_MAPS) == 401


def test_an_editor_gets_a_kubeconfig_like_everybody_else(ground: Ground, cluster: ClusterSpec) -> None:
    minted = ground.driver.credentials(ref(cluster), ttl=HOUR, role=Role.EDIT)
    assert status(minted, "POST", CONFIG_MAPS, a("ConfigMap", "edited")) == 200
    assert status(minted, "GET", ROLES) == 403


def test_a_token_of_one_cluster_opens_no_other(ground: Ground, cluster: ClusterSpec) -> None:
    another = ground.wish()
    ground.ready(another)
    granted = ground.driver.grant(ref(cluster), name="ci", role=Role.ADMIN, ttl=HOUR)
    there = ground.driver.grant(ref(another), name="ci", role=Role.ADMIN, ttl=HOUR)
    server = {"here": parse_kubeconfig(granted.yaml).server, "there": parse_kubeconfig(there.yaml).server}
    moved = Kubeconfig(granted.yaml.replace(server["here"], server["there"]), granted.expires_at)
    assert status(moved, "GET", CONFIG_MAPS) == 401


def test_somebody_elses_cluster_is_neither_entered_nor_told_of(ground: Ground, cluster: ClusterSpec) -> None:
    theirs = ClusterRef(cluster.name, owner="another")
    granted = ground.driver.grant(ref(cluster), name="ci", role=Role.ADMIN, ttl=HOUR)
    with pytest.raises(Fatal) as refused:
        ground.driver.grant(theirs, name="ci", role=Role.ADMIN, ttl=HOUR)
    assert refused.value.code == "cluster_absent"
    ground.driver.revoke(theirs, name="ci")
    assert status(granted, "GET", CONFIG_MAPS) == 200


def test_revoking_in_a_cluster_that_is_gone_is_done(ground: Ground) -> None:
    ground.driver.revoke(ClusterRef("neverwas", owner="nobody"), name="ci")


@pytest.mark.parametrize("name", ["", "../secrets", "UPPER", "a" * 51, "-a"])
def test_a_name_that_is_none_is_refused(ground: Ground, name: str) -> None:
    ground.trouble()
    wish = ground.wish()
    ground.ready(wish)
    with pytest.raises(Fatal) as refused:
        ground.driver.grant(ref(wish), name=name, role=Role.VIEW, ttl=HOUR)
    assert refused.value.code == "name_invalid"
