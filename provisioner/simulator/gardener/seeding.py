"""The empty garden: a project, its namespace, credentials, cloud profiles and seeds."""

from __future__ import annotations

import base64

from provisioner.simulator.endpoint import Endpoint
from provisioner.simulator.errors import Json
from provisioner.simulator.gardener.names import GROUP
from provisioner.simulator.gardener.profiles import PROVIDERS, cloud_profile, seed
from provisioner.simulator.store import read

SECURITY = "security.gardener.cloud"


def namespace(name: str, labels: dict[str, str] | None = None) -> Json:
    """Return an active Namespace."""
    return {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": name, "labels": {"kubernetes.io/metadata.name": name, **(labels or {})}},
        "spec": {"finalizers": ["kubernetes"]},
        "status": {"phase": "Active"},
    }


def _ensure(garden: Endpoint, key: tuple[str, str], document: Json) -> None:
    metadata = document["metadata"]
    if garden.collection(*key).get(metadata.get("namespace", ""), metadata["name"]) is None:
        garden.create(key, document)


def _refresh(garden: Endpoint, key: tuple[str, str], document: Json) -> None:
    """Replace what belongs to the landscape itself, so that a newer program brings its newer offer."""
    entry = garden.collection(*key).get("", document["metadata"]["name"])
    if entry is None:
        garden.create(key, document)
        return
    kept = read(entry)
    if kept["spec"] != document["spec"]:
        garden.collection(*key).put({**kept, "spec": document["spec"]})


def lay_out(garden: Endpoint, project: str) -> None:
    """Make what is missing; what is there stays."""
    home = f"garden-{project}"
    for name in ("default", "garden", "kube-system"):
        _ensure(garden, ("", "namespaces"), namespace(name))
    labels = {"gardener.cloud/role": "project", "project.gardener.cloud/name": project}
    _ensure(garden, ("", "namespaces"), namespace(home, labels))
    _ensure(garden, (GROUP, "projects"), _project(project, home))
    for provider in PROVIDERS:
        _refresh(garden, (GROUP, "cloudprofiles"), cloud_profile(provider))
        _refresh(garden, (GROUP, "seeds"), seed(provider))
        for document in _credentials(home, provider):
            key = ("", "secrets") if document["kind"] == "Secret" else (SECURITY, "credentialsbindings")
            _ensure(garden, key, document)


def _project(project: str, home: str) -> Json:
    owner = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "nesoi:admin"}
    return {
        "apiVersion": "core.gardener.cloud/v1beta1",
        "kind": "Project",
        "metadata": {"name": project, "generation": 1},
        "spec": {"namespace": home, "owner": owner, "members": [{**owner, "role": "admin"}]},
        "status": {"phase": "Ready", "observedGeneration": 1},
    }


def _credentials(home: str, provider: str) -> list[Json]:
    token = base64.b64encode(b"simulated, opens nothing").decode()
    return [
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": provider, "namespace": home},
            "type": "Opaque",
            "data": {"token": token},
        },
        {
            "apiVersion": "security.gardener.cloud/v1alpha1",
            "kind": "CredentialsBinding",
            "metadata": {"name": provider, "namespace": home},
            "provider": {"type": provider},
            "credentialsRef": {"apiVersion": "v1", "kind": "Secret", "name": provider, "namespace": home},
        },
    ]
