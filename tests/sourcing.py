"""Modules from elsewhere for tests: our small chart, packed; a registry in miniature over HTTPS on the loopback; and Helm."""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import ssl
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from controlplane.catalog.loading.module_download import Downloader, digest_of
from controlplane.catalog.loading.module_registry import CHART, CONFIG, MANIFEST
from controlplane.catalog.loading.module_rows import module_version_row
from controlplane.catalog.sourced import SourcedVersion, sourced_version
from controlplane.outbound.client import Policy
from provisioner.modules.base import ClusterFacts, Request
from provisioner.modules.registry import all_modules
from provisioner.modules.rendering import with_defaults
from provisioner.modules.sources.helm import Helm
from tests.contracts.certificates import certificate

CHART_FOLDER = Path(__file__).resolve().parents[1] / "deploy" / "charts" / "eventing"
NO_HELM = "there is no helm here: `go install helm.sh/helm/v3/cmd/helm@latest`, and name it in HELM_BINARY"
HELM = shutil.which(os.environ.get("HELM_BINARY", "helm")) or shutil.which(str(Path.home() / "go/bin/helm"))


def packed(files: Mapping[str, bytes | str]) -> bytes:
    """Return a .tar.gz that has the same bytes every time."""
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w") as archive:
        for name, text in sorted(files.items()):
            content = text.encode() if isinstance(text, str) else text
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    return gzip.compress(raw.getvalue(), mtime=0)


def our_chart(**replaced: str) -> bytes:
    """Return our small chart, packed; `Chart_yaml="…"` and the like replace or add a file."""
    files: dict[str, bytes | str] = {
        f"eventing/{path.relative_to(CHART_FOLDER).as_posix()}": path.read_bytes()
        for path in CHART_FOLDER.rglob("*")
        if path.is_file()
    }
    return packed({**files, **replaced})


def version(content: bytes = b"", *, kind: str = "chart", **entry: Any) -> SourcedVersion:
    """Return a version of eventing whose source is this; `entry` is what else its entry in the catalogue says."""
    source = {"kind": kind, "url": "https://charts.example.com/eventing.tgz", "digest": digest_of(content)}
    if kind == "chart":
        source["version"] = "0.3.0"
    said = {"version": "2.13.0", "source": source, **entry}
    return sourced_version(module_version_row("eventing", said))


def asked(*, system_pool: bool = False, **settings: Any) -> Request:
    """Return a request for it in a cluster."""
    facts = ClusterFacts("isle", "aws", "eu-central-1", "1.34.8", system_pool=system_pool, most_nodes=3)
    known = with_defaults(all_modules()["eventing"].schema, settings)
    return Request("eventing", "upstream", "2.13.0", known, facts)


class StubHelm(Helm):
    """Prints what it is told, in place of rendering."""

    def __init__(self, *printed: str) -> None:
        super().__init__()
        object.__setattr__(self, "printed", list(printed))

    def template(self, chart: bytes, **said: Any) -> str:
        printed: list[str] = vars(self)["printed"]
        return printed.pop(0) if len(printed) > 1 else printed[0]


@dataclass
class Registry:
    """What is served by path, and what was asked with which authorization."""

    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    token: str = ""  # without it, registries' paths answer 401
    host: str = ""
    certificate: str = ""

    @property
    def url(self) -> str:
        return f"https://{self.host}"

    def put(self, path: str, body: bytes, status: int = 200, **headers: str) -> str:
        """Serve a body; return its digest."""
        self.answers[path] = (
            status,
            {key.replace("_", "-"): value for key, value in headers.items()},
            body,
        )
        return digest_of(body)

    def push(self, name: str, chart: bytes, **more: Any) -> str:
        """Serve a chart as registries do; return its manifest's digest."""
        layer = self.put(f"/v2/{name}/blobs/{digest_of(chart)}", chart)
        config = {"mediaType": CONFIG, "digest": digest_of(b"{}"), "size": 2}
        layers = [{"mediaType": CHART, "digest": layer, "size": len(chart)}]
        said = {"schemaVersion": 2, "mediaType": MANIFEST, "config": config, "layers": layers, **more}
        manifest = json.dumps(said).encode()
        return self.put(f"/v2/{name}/manifests/{digest_of(manifest)}", manifest)

    def downloader(self, credentials: str = "") -> Downloader:
        """Return a client that may come here."""
        policy = Policy.read(private_networks=["127.0.0.0/8"], plain_hosts=[])
        known = {self.host: credentials} if credentials else {}
        bounded = Policy(policy.private_networks, most_bytes=100_000, authorities=self.certificate)
        return Downloader(bounded, known)

    def answer(self, path: str, authorization: str) -> tuple[int, dict[str, str], bytes]:
        self.asked.append((path, authorization))
        if path.startswith("/token"):
            return 200, {}, json.dumps({"token": self.token}).encode()
        if self.token and path.startswith("/v2/") and authorization != f"Bearer {self.token}":
            realm = f'Bearer realm="{self.url}/token",service="charts",scope="repository:eventing:pull"'
            return 401, {"WWW-Authenticate": realm}, b"{}"
        return self.answers.get(path.partition("?")[0], (404, {}, b""))


@contextmanager
def registry(folder: Path) -> Iterator[Registry]:
    """Serve a registry on the loopback until the block ends; two of one folder have one certificate."""
    shelf = Registry()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, headers, body = shelf.answer(self.path, self.headers.get("Authorization", ""))
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    if not (folder / "ca.pem").exists():
        public, secret = certificate()
        (folder / "ca.pem").write_text(public)
        (folder / "key.pem").write_text(secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "ca.pem", folder / "key.pem")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        shelf.host, shelf.certificate = f"127.0.0.1:{server.server_address[1]}", str(folder / "ca.pem")
        Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield shelf
        server.shutdown()
