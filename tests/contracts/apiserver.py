"""A real kube-apiserver that knows Shoots by a permissive CRD, and a gardenlet in miniature that settles them.

It proves what the simulator only imitates: server-side apply, preconditions, watches. KUBEBUILDER_ASSETS names the folder with
the programs `etcd` and `kube-apiserver`.
"""

from __future__ import annotations

import base64
import os
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from typing import Any

from controlplane.kernel.errors import Retry
from provisioner.drivers.kube.client import MERGE, KubeClient
from provisioner.drivers.kube.kubeconfig import ApiAccess, parse_kubeconfig
from provisioner.drivers.kube.refusals import ApiRefused
from tests.contracts.certificates import certificate

HOW = (
    "KUBEBUILDER_ASSETS does not name a folder with etcd and kube-apiserver; get them with "
    "`go run sigs.k8s.io/controller-runtime/tools/setup-envtest@latest use -p path` and set it to the printed path"
)
NAMESPACE = "garden-nesoi"
SHOOTS = f"/apis/core.gardener.cloud/v1beta1/namespaces/{NAMESPACE}/shoots"
START_SECONDS = 120.0
LATEST = "1.34.8"
CRD = {
    "apiVersion": "apiextensions.k8s.io/v1",
    "kind": "CustomResourceDefinition",
    "metadata": {"name": "shoots.core.gardener.cloud"},
    "spec": {
        "group": "core.gardener.cloud",
        "scope": "Namespaced",
        "names": {"plural": "shoots", "singular": "shoot", "kind": "Shoot", "listKind": "ShootList"},
        "versions": [
            {
                "name": "v1beta1",
                "served": True,
                "storage": True,
                "subresources": {"status": {}},
                "schema": {
                    "openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
                },
            }
        ],
    },
}


class ApiServer:
    """etcd, kube-apiserver and the gardenlet; `kubeconfig` leads there as an admin."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self.programs, self.folder = programs, folder
        self.kubeconfig = folder / "kubeconfig.yaml"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stop = Flag()

    def start(self) -> ApiServer:
        """Return when Shoots can be made."""
        client, peer, secure = (_free_port() for _ in range(3))
        ca, key = certificate()
        for name, text in (
            ("tls.crt", ca),
            ("tls.key", key),
            ("tokens.csv", "only-for-tests,admin,1,system:masters"),
        ):
            (self.folder / name).write_text(text)
        etcd, own = f"http://127.0.0.1:{client}", f"http://127.0.0.1:{peer}"
        self._run(
            "etcd",
            f"--data-dir={self.folder}/etcd",
            f"--listen-client-urls={etcd}",
            f"--advertise-client-urls={etcd}",
            f"--listen-peer-urls={own}",
            f"--initial-advertise-peer-urls={own}",
            f"--initial-cluster=default={own}",
            "--unsafe-no-fsync",
        )
        self._run(
            "kube-apiserver",
            f"--etcd-servers={etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={secure}",
            f"--tls-cert-file={self.folder}/tls.crt",
            f"--tls-private-key-file={self.folder}/tls.key",
            f"--token-auth-file={self.folder}/tokens.csv",
            "--authorization-mode=AlwaysAllow",
            "--service-cluster-ip-range=10.0.0.0/24",
            "--service-account-issuer=https://test",
            f"--service-account-key-file={self.folder}/tls.crt",
            f"--service-account-signing-key-file={self.folder}/tls.key",
            "--disable-admission-plugins=ServiceAccount",
        )
        self.kubeconfig.write_text(_kubeconfig(f"https://127.0.0.1:{secure}", ca))
        access = parse_kubeconfig(self.kubeconfig.read_text())
        self._prepare(access)
        Thread(target=self._gardenlet, args=(access,), daemon=True).start()
        return self

    def stop(self) -> None:
        """End all of it."""
        self._stop.set()
        for process in reversed(self._processes):
            process.terminate()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(10)

    def _run(self, program: str, *arguments: str) -> None:
        with (self.folder / f"{program}.log").open("wb") as log:
            command = [str(self.programs / program), *arguments]
            self._processes.append(subprocess.Popen(command, cwd=self.folder, stdout=log, stderr=log))

    def _prepare(self, access: ApiAccess) -> None:
        client = KubeClient(access, name="kube-apiserver", timeout_seconds=10)
        namespace = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
        crds = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"
        steps: list[tuple[str, str, dict[str, Any] | None]] = [
            ("POST", "/api/v1/namespaces", namespace),
            ("POST", crds, CRD),
            ("GET", SHOOTS, None),
        ]
        deadline = time.monotonic() + START_SECONDS
        while steps:
            try:
                client.call(*steps[0][:2], body=steps[0][2])
            except (Retry, ApiRefused) as error:
                if not (isinstance(error, ApiRefused) and error.reason == "AlreadyExists"):
                    ended = [p.args for p in self._processes if p.poll() is not None]
                    assert not ended, f"{ended} ended: {self._last_words()}"
                    assert time.monotonic() < deadline, self._last_words()
                    time.sleep(0.2)
                    continue
            steps.pop(0)

    def _last_words(self) -> str:
        return "\n".join(path.read_text(errors="replace")[-1500:] for path in self.folder.glob("*.log"))

    def _gardenlet(self, access: ApiAccess) -> None:
        client = KubeClient(access, name="gardenlet", timeout_seconds=10)
        while not self._stop.wait(0.05):
            with suppress(Retry, ApiRefused):
                for shoot in client.call("GET", SHOOTS)["items"]:
                    with suppress(ApiRefused):
                        _settle(client, shoot)


def _settle(client: KubeClient, shoot: dict[str, Any]) -> None:
    """Move one Shoot on by one step: admission's part first, then the status."""
    metadata, spec, status = shoot["metadata"], shoot["spec"], shoot.get("status") or {}
    path = f"{SHOOTS}/{metadata['name']}"

    def patch(to: str, body: dict[str, Any]) -> None:
        client.call("PATCH", to, query={"fieldManager": "gardenlet"}, body=body, content_type=MERGE)

    if "deletionTimestamp" in metadata:
        patch(path, {"metadata": {"finalizers": []}})
        return
    if not metadata.get("finalizers"):
        version = spec["kubernetes"]["version"]
        defaults = {"kubernetes": {"version": LATEST}} if version.count(".") == 1 else {}
        patch(path, {"metadata": {"finalizers": ["gardener.cloud/test"]}, "spec": defaults})
        return
    last, generation = status.get("lastOperation") or {}, metadata["generation"]
    if status.get("observedGeneration") == generation and last.get("state") == "Succeeded":
        return
    kind = "Reconcile" if status.get("hibernated") is not None else "Create"
    running = status.get("observedGeneration") == generation and last.get("state") == "Processing"
    operation = {
        "type": kind,
        "state": "Succeeded" if running else "Processing",
        "progress": 100 if running else 10,
    }
    settled = {
        "hibernated": spec["hibernation"]["enabled"],
        "conditions": [{"type": "APIServerAvailable", "status": "True"}],
        "advertisedAddresses": [{"name": "external", "url": "https://api.example.org"}],
    }
    body = {"observedGeneration": generation, "lastOperation": operation, **(settled if running else {})}
    patch(f"{path}/status", {"status": body})


def programs() -> Path | None:
    """Return the folder that KUBEBUILDER_ASSETS names, if the programs are there."""
    folder = Path(os.environ.get("KUBEBUILDER_ASSETS") or "/nonexistent")
    return folder if all((folder / name).exists() for name in ("etcd", "kube-apiserver")) else None


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def _kubeconfig(server: str, ca: str) -> str:
    data = base64.b64encode(ca.encode()).decode()
    return f"""apiVersion: v1
kind: Config
clusters: [{{name: x, cluster: {{server: "{server}", certificate-authority-data: {data}}}}}]
users: [{{name: x, user: {{token: only-for-tests}}}}]
contexts: [{{name: x, context: {{cluster: x, user: x}}}}]
current-context: x
"""
