"""Builds clusters as Shoots of a Gardener project (core.gardener.cloud/v1beta1).

`Landscape.config` is read by `shoots.garden.garden_of`; the credentials file is a kubeconfig with embedded credentials that
may read and write the project's Shoots and ConfigMaps and create `shoots/adminkubeconfig` and `shoots/viewerkubeconfig`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.drivers.base import (
    CLUSTER_MISSING,
    ClusterRef,
    Cursor,
    Event,
    Kubeconfig,
    LandscapeAccess,
    Observed,
    Role,
)
from provisioner.drivers.kube.applying import apply_object, apply_objects
from provisioner.drivers.kube.client import MERGE, KubeClient
from provisioner.drivers.kube.inside import InsideApi
from provisioner.drivers.kube.kubeconfig import LIMIT_BYTES, KubeconfigRefusedError, parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused, fate
from provisioner.drivers.kube.service_access import grant, revoke
from provisioner.drivers.shoots.access import SHORTEST_TTL, inside, mint, usable
from provisioner.drivers.shoots.authentication import config_map_of, forget_config_maps, referred_of
from provisioner.drivers.shoots.drift import drift_of
from provisioner.drivers.shoots.garden import Garden, cluster_name_length, garden_of
from provisioner.drivers.shoots.keeping import keep_versions
from provisioner.drivers.shoots.observed import OPERATION, TOLD, absent, failure_of, gave_up, observed_of
from provisioner.drivers.shoots.ownership import MANAGER, belongs, labelled
from provisioner.drivers.shoots.pools import clear_pools
from provisioner.drivers.shoots.shoot import OWNER, shoot_of
from provisioner.drivers.shoots.watching import follow, list_made
from provisioner.runtimes.inside import is_ready

__all__ = ["cluster_name_length", "connect"]

Json = dict[str, Any]
CONFIRMATION = "confirmation.gardener.cloud/deletion"
# Refusals of these fields come from what the tenant chose freely; all others from the catalog or the landscape.
TENANT_FIELDS = ("spec.kubernetes.kubeAPIServer", "spec.extensions", "spec.networking", "spec.maintenance")
_PAGE = "500"


class GardenerDriver:
    """A `Driver` for one Gardener project."""

    def __init__(self, client: KubeClient, garden: Garden, *, timeout_seconds: float) -> None:
        self._client = client
        self._garden = garden
        self._timeout_seconds = timeout_seconds

    def ensure(self, cluster: Any) -> Observed:
        """Apply the Shoot under our field manager; a cluster that carries another owner is left alone (Fatal)."""
        return self._order(cluster, may_make=True)

    def change(self, cluster: Any) -> Observed:
        """Apply it where there is one."""
        return self._order(cluster, may_make=False)

    def _order(self, cluster: Any, *, may_make: bool) -> Observed:
        wanted = shoot_of(cluster, self._garden)
        owner = cluster.labels.get(OWNER)
        if not owner:
            raise Fatal(
                f"Cluster {cluster.name} has no owner label {OWNER}; it can't be built.", code="owner_missing"
            )
        live = self._get(cluster.name)
        if live is None and not may_make:
            raise _missing(cluster.name)
        if live is not None:
            if not belongs(live, ClusterRef(cluster.name, owner)):
                raise Fatal(
                    f"The landscape has a cluster {cluster.name} of somebody else; give the runtime another cluster name.",
                    code="name_taken",
                )
            if "deletionTimestamp" in live["metadata"]:
                raise Retry(f"Cluster {cluster.name} is still being removed.", code="being_deleted")
            wanted = keep_versions(wanted, live)
            # Should it be deleted and made anew by somebody else right now, the server refuses.
            wanted["metadata"] = {**wanted["metadata"], "uid": live["metadata"]["uid"]}
        if config_map := config_map_of(cluster, self._garden):
            self._apply(self._garden.config_maps, config_map)
        applied = self._apply(self._garden.shoots, wanted)
        with self._answers():
            applied = clear_pools(self._client, f"{self._garden.shoots}/{cluster.name}", wanted, applied)
        if live is not None:
            self._forget_authentication(ClusterRef(cluster.name, owner), keep=referred_of(applied))
        return observed_of(self._pushed(applied))

    def ensure_absent(self, cluster: ClusterRef) -> Observed:
        """Confirm and ask for deletion; a cluster of somebody else is no business of ours, so for us it is absent."""
        live = self._get_owned(cluster)
        if live is None:
            self._forget_authentication(cluster)
            return absent(cluster.name)
        if "deletionTimestamp" in live["metadata"]:
            return observed_of(self._pushed(live))
        path = f"{self._garden.shoots}/{cluster.name}"
        precondition = {"uid": live["metadata"]["uid"]}
        with self._answers():
            try:
                self._note(path, annotations={CONFIRMATION: "true"}, **self._label_back(live, cluster))
                self._client.call(
                    "DELETE",
                    path,
                    body={"kind": "DeleteOptions", "apiVersion": "v1", "preconditions": precondition},
                )
            except ApiRefused as error:
                if error.status != 404:  # noqa: PLR2004
                    raise
        return self.observe(cluster)

    def observe(self, cluster: ClusterRef) -> Observed:
        """Look once."""
        live = self._get_owned(cluster)
        return absent(cluster.name) if live is None else observed_of(live)

    def drift(self, cluster: Any, seen: Observed) -> tuple[str, ...]:
        """Compare a sight's spec with the wish, field by field."""
        return drift_of(cluster, self._garden, seen.told)

    def watch(self, since: Cursor | None) -> Iterator[Event]:
        """Follow every Shoot that carries our owner label."""
        with self._answers():
            yield from follow(
                self._client, self._garden.shoots, {"labelSelector": OWNER, "limit": _PAGE}, since
            )

    def inventory(self) -> list[Observed]:
        """List the project's Shoots without a selector: whose those are that we once applied, and no more of them."""
        selection = {"limit": _PAGE}
        with self._answers():
            return list_made(
                self._client, self._garden.shoots, selection, installation=self._garden.installation
            )

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        """Mint a kubeconfig by the Shoot's adminkubeconfig or viewerkubeconfig subresource (10 minutes at least).

        Gardener knows none that edits: it gets the token of a service account.
        """
        if role is Role.EDIT:
            return self.grant(cluster, name="editor", role=role, ttl=ttl)
        if cluster.owner and self._get_owned(cluster) is None:
            raise Fatal(
                f"The landscape has no cluster {cluster.name} of this runtime.", code="cluster_absent"
            )
        return self._mint(cluster, ttl, role)

    def grant(self, cluster: ClusterRef, *, name: str, role: Role, ttl: timedelta) -> Kubeconfig:
        """Mint for a service account, as an admin that lives ten minutes."""
        minted = self.credentials(cluster, ttl=SHORTEST_TTL, role=Role.ADMIN)
        with self._inside(cluster, minted) as api:
            return grant(api, parse_kubeconfig(minted.yaml), name=name, role=role, ttl=ttl, manager=MANAGER)

    def revoke(self, cluster: ClusterRef, *, name: str) -> None:
        """Remove the service account, unless the cluster itself is gone."""
        if self._get_owned(cluster) is None:
            return
        with self._inside(cluster, self._mint(cluster, SHORTEST_TTL, Role.ADMIN)) as api:
            revoke(api, name=name)

    def _mint(self, cluster: ClusterRef, ttl: timedelta, role: Role) -> Kubeconfig:
        with self._answers():
            return mint(self._client, f"{self._garden.shoots}/{cluster.name}", ttl=ttl, role=role)

    def probe(self, cluster: ClusterRef) -> int:
        """Count the Ready nodes, as a viewer that lives ten minutes; whose cluster it is was settled when it was ordered."""
        with self._inside(cluster, self._mint(cluster, SHORTEST_TTL, Role.VIEW)) as api:
            nodes = api.call("GET", "/api/v1/nodes", query={"limit": "500"}).get("items") or []
        return sum(is_ready(node) for node in nodes)

    def apply(self, cluster: ClusterRef, objects: Sequence[Mapping[str, Any]]) -> None:
        """Apply objects to the cluster's own API, as an admin that lives ten minutes."""
        with self._inside(cluster, self.credentials(cluster, ttl=SHORTEST_TTL, role=Role.ADMIN)) as api:
            apply_objects(api, objects, manager=MANAGER)

    @contextmanager
    def inside(self, cluster: ClusterRef, *, role: Role = Role.ADMIN) -> Iterator[InsideApi]:
        """Open the cluster's own API for ten minutes at most; a viewer for those who only look."""
        with self._inside(cluster, self.credentials(cluster, ttl=SHORTEST_TTL, role=role)) as api:
            yield InsideApi(api, manager=MANAGER)

    def _inside(self, cluster: ClusterRef, minted: Kubeconfig) -> AbstractContextManager[KubeClient]:
        return inside(cluster.name, minted, timeout_seconds=self._timeout_seconds)

    def _get(self, name: str) -> Json | None:
        with self._answers():
            try:
                return self._client.call("GET", f"{self._garden.shoots}/{name}")
            except ApiRefused as error:
                if error.status == 404:  # noqa: PLR2004
                    return None
                raise

    def _get_owned(self, cluster: ClusterRef) -> Json | None:
        live = self._get(cluster.name)
        return live if live is not None and belongs(live, cluster) else None

    def _apply(self, path: str, document: Json) -> Json:
        with self._answers():
            return apply_object(self._client, path, document, manager=MANAGER)

    def _pushed(self, shoot: Json) -> Json:
        """Ask Gardener to try again where it gave up; a failure that lasts is told once before that, and marked as told.

        So whoever waits hears of it, and whoever asks again afterwards has mended its cause.
        """
        if not gave_up(shoot):
            return shoot
        path, failure = f"{self._garden.shoots}/{shoot['metadata']['name']}", failure_of(shoot)
        lasts = any(not fault.passing for fault in observed_of(shoot).faults)
        with self._answers():
            if lasts and (shoot["metadata"].get("annotations") or {}).get(TOLD) != failure:
                return self._note(path, annotations={TOLD: failure})
            return self._note(path, annotations={OPERATION: "retry"})

    def _label_back(self, live: Json, cluster: ClusterRef) -> Json:
        """Give a Shoot that lost our label its label again: the watch is to see it go."""
        if not cluster.owner or labelled(live):
            return {}
        return {"labels": {OWNER: cluster.owner}, "uid": live["metadata"]["uid"]}

    def _note(self, path: str, **metadata: Any) -> Json:
        body = {"metadata": metadata}
        return self._client.call(
            "PATCH", path, query={"fieldManager": f"{MANAGER}-requests"}, body=body, content_type=MERGE
        )

    def _forget_authentication(self, cluster: ClusterRef, *, keep: str = "") -> None:
        with self._answers():
            forget_config_maps(self._client, self._garden, cluster, keep=keep)

    @contextmanager
    def _answers(self) -> Iterator[None]:
        try:
            yield
        except ApiRefused as error:
            raise fate(error, name=self._client.name, tenant_fields=TENANT_FIELDS) from None


def connect(access: LandscapeAccess) -> GardenerDriver:
    """Return a driver for the project that `access` leads to; raises Fatal for a file that can't be used."""
    garden = garden_of(access.config)
    name = f"Landscape {access.key}"
    with usable(name):
        credentials = parse_kubeconfig(access.credentials or _read(access.credentials_path))
    client = KubeClient(credentials, name=name, timeout_seconds=access.timeout_seconds)
    return GardenerDriver(client, garden, timeout_seconds=access.timeout_seconds)


def _read(path: str) -> str:
    try:
        with Path(path).open(encoding="utf-8") as file:
            return file.read(LIMIT_BYTES + 1)
    except (OSError, UnicodeDecodeError) as error:
        raise KubeconfigRefusedError(
            f"The credentials file {path} can't be read ({type(error).__name__})."
        ) from None


def _missing(name: str) -> Fatal:
    return Fatal(
        f"The landscape has no cluster {name} of this runtime any more, and nothing was built in its place.",
        code=CLUSTER_MISSING,
        audience=Audience.SRE,
    )
