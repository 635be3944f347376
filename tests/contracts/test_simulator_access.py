"""Credentials: minted for one cluster, for a while, for a role."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
import yaml
from cryptography import x509

from provisioner.simulator.identity import MASTERS
from provisioner.simulator.journal import Journal
from provisioner.simulator.tls import Authority
from tests.plugins.simulator import SHOOTS, Simulator, SimulatorFactory

# As Any: the client ships half of its types.
client: Any = import_module("kubernetes.client")
config: Any = import_module("kubernetes.config")


def read(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the cluster and the user of a kubeconfig."""
    parsed = yaml.safe_load(text)
    return parsed["clusters"][0]["cluster"], parsed["users"][0]["user"]


def get(simulator: Simulator, path: str, pair: tuple[str, str], folder: Path) -> int:
    """Return the status of a request with a client certificate."""
    chain = folder / "chain.pem"
    chain.write_text("".join(pair))
    context = ssl.create_default_context(cafile=simulator.ca)
    context.verify_flags |= ssl.VERIFY_X509_STRICT  # as Python 3.13 and newer do by themselves
    context.load_cert_chain(chain)
    try:
        with urllib.request.urlopen(simulator.url + path, context=context, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code if json.loads(error.read())["kind"] == "Status" else 0


def mint(simulator: Simulator, name: str, seconds: int) -> dict[str, Any]:
    """Ask for an admin kubeconfig."""
    body = {
        "apiVersion": "authentication.gardener.cloud/v1alpha1",
        "kind": "AdminKubeconfigRequest",
        "spec": {"expirationSeconds": seconds},
    }
    found: dict[str, Any] = simulator.call("POST", f"{SHOOTS}/{name}/adminkubeconfig", body)
    return found


def test_a_kubeconfig_names_its_cluster_and_its_end(simulator: Simulator) -> None:
    simulator.create_shoot("acc1")
    answer = mint(simulator, "acc1", 900)
    cluster, user = read(base64.b64decode(answer["status"]["kubeconfig"]).decode())
    assert cluster["server"] == f"{simulator.url}/clusters/garden-nesoi/acc1"
    assert set(user) == {"client-certificate-data", "client-key-data"}
    end = datetime.fromisoformat(answer["status"]["expirationTimestamp"])
    assert timedelta(seconds=880) < end - datetime.now(UTC) <= timedelta(seconds=900)


@pytest.mark.parametrize("role", ["admin", "viewer"])
def test_whoever_a_kubeconfig_is_for_is_named_by_the_role(simulator: Simulator, role: str) -> None:
    name = f"who-{role}"
    simulator.create_shoot(name)
    _, user = read(simulator.kubeconfig_of(name, role).read_text())
    certificate = x509.load_pem_x509_certificate(base64.b64decode(user["client-certificate-data"]))
    assert f"CN=nesoi:{role}" in certificate.subject.rfc4514_string().split(",")


def test_a_span_is_capped_at_a_day_and_refused_below_ten_minutes(simulator: Simulator) -> None:
    simulator.create_shoot("acc2")
    end = datetime.fromisoformat(mint(simulator, "acc2", 10**7)["status"]["expirationTimestamp"])
    assert end - datetime.now(UTC) <= timedelta(days=1)
    with pytest.raises(HTTPError) as caught:
        mint(simulator, "acc2", 599)
    assert caught.value.code == 422


def test_there_is_no_kubeconfig_before_the_api_server_answers(simulator: Simulator) -> None:
    with simulator.set(build_seconds=3000):
        simulator.create_shoot("acc3", wait=False)
        with pytest.raises(HTTPError) as caught:
            mint(simulator, "acc3", 600)
        assert caught.value.code == 422
        simulator.delete_shoot("acc3")


def test_one_clusters_key_opens_neither_another_cluster_nor_the_garden(
    simulator: Simulator, tmp_path: Path
) -> None:
    for name in ("acc4", "acc5"):
        simulator.create_shoot(name)
    _, user = read(simulator.kubeconfig_of("acc4").read_text())
    chain, key = (base64.b64decode(user[f"client-{part}-data"]).decode() for part in ("certificate", "key"))
    pair = (chain, key)
    assert get(simulator, "/clusters/garden-nesoi/acc4/api/v1/nodes", pair, tmp_path) == 200
    assert get(simulator, "/clusters/garden-nesoi/acc5/api/v1/nodes", pair, tmp_path) == 401
    assert get(simulator, "/api/v1/namespaces", pair, tmp_path) == 401


def test_an_expired_certificate_is_unauthorized(simulator_factory: SimulatorFactory, tmp_path: Path) -> None:
    simulator = simulator_factory(in_memory=False)
    uid = simulator.create_shoot("acc6")["metadata"]["uid"]
    simulator.stop()
    journal = Journal(simulator.folder / "simulator.db")
    authority = Authority(bytes.fromhex(str(journal.fact("secret"))), str(journal.fact("server_ca")))
    journal.close()
    simulator.start()
    path = "/clusters/garden-nesoi/acc6/api/v1/nodes"
    for offset, expected in ((-60, 401), (60, 200)):
        end = datetime.now(UTC) + timedelta(seconds=offset)
        pair = authority.client_certificate(uid, "late", (MASTERS,), end)
        assert get(simulator, path, pair, tmp_path) == expected


@pytest.mark.parametrize("path", ["/api/v1/namespaces", "/apis", "/clusters/garden-nesoi/acc1/api/v1/nodes"])
def test_nobody_gets_in_without_proof(simulator: Simulator, path: str) -> None:
    if "acc1" in path and not any(
        each["metadata"]["name"] == "acc1" for each in simulator.call("GET", SHOOTS)["items"]
    ):
        simulator.create_shoot("acc1")
    for header in ("", "Bearer wrong", "Basic eDp5"):
        request = urllib.request.Request(
            simulator.url + path, headers={"Authorization": header} if header else {}
        )
        with pytest.raises(HTTPError) as caught:
            urllib.request.urlopen(
                request, context=ssl.create_default_context(cafile=simulator.ca), timeout=10
            )
        assert caught.value.code == 401


def test_a_service_accounts_token_may_do_what_its_bindings_say(simulator: Simulator) -> None:

    simulator.create_shoot("acc7")
    with config.new_client_from_config(str(simulator.kubeconfig_of("acc7"))) as api:
        core = client.CoreV1Api(api)
        core.create_namespaced_service_account("default", {"metadata": {"name": "bot"}})
        request = {"spec": {"audiences": [], "expirationSeconds": 600}}
        token = core.create_namespaced_service_account_token("bot", "default", request).status.token
        binding = {
            "metadata": {"name": "bot"},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view"},
            "subjects": [{"kind": "ServiceAccount", "name": "bot", "namespace": "default"}],
        }
        client.RbacAuthorizationV1Api(api).create_cluster_role_binding(binding)
        host = api.configuration.host
    settings = client.Configuration(host=host)
    settings.ssl_ca_cert = str(simulator.ca)
    settings.api_key = {"authorization": f"Bearer {token}"}
    with client.ApiClient(settings) as api:
        core = client.CoreV1Api(api)
        assert core.list_pod_for_all_namespaces().items
        with pytest.raises(client.ApiException) as caught:
            core.create_namespaced_config_map("default", {"metadata": {"name": "no"}})
        assert caught.value.status == 403
