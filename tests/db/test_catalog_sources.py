"""`catalog apply` brings what versions of modules are made of, or says why not; what is published stays as it is."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import IntegrityError, connection, transaction

from controlplane.catalog import facts, ports
from controlplane.catalog.loading import module_sources
from controlplane.catalog.loading.apply import ApplyRefusedError, apply_catalog
from controlplane.catalog.loading.catalog import DATA
from controlplane.catalog.loading.module_download import digest_of
from controlplane.catalog.loading.module_sources import fetch_sources
from controlplane.catalog.loading.reading import CatalogInvalidError
from controlplane.catalog.models import Content, ModuleVersion, Release
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Fatal, Retry
from controlplane.tenants.access import Actor
from provisioner.modules.objects import SYSTEM
from provisioner.modules.rendering import render
from provisioner.modules.sources import shelf
from provisioner.runtimes.models import Runtime
from provisioner.runtimes.spec import ModuleWish
from tests import work
from tests.modules import cluster
from tests.sourcing import Registry, our_chart, packed, registry
from tests.world import World

pytestmark = pytest.mark.django_db
OPERATOR = Actor(name="operator:ada")
BROKER = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: broker}
spec:
  selector: {matchLabels: {app: broker}}
  template:
    metadata: {labels: {app: broker}}
    spec:
      containers:
        - name: main
          image: registry.example.com/broker:2.13.0
          resources: {requests: {cpu: 50m, memory: 64Mi}, limits: {memory: 64Mi}}
"""
WISH = ModuleWish("eventing", "2.13.0", "upstream")


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as shelf_of_tests:
        yield shelf_of_tests


@pytest.fixture(autouse=True)
def reached(served: Registry, settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    settings.MODULE_SOURCE_NETWORKS = ["127.0.0.0/8"]
    settings.MODULE_SOURCE_AUTHORITIES = served.certificate
    monkeypatch.setenv("SSL_CERT_FILE", "/dev/null")
    monkeypatch.setattr(facts, "_kept", None)
    served.asked.clear()
    yield
    facts._kept = None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    copy = tmp_path / "catalog"
    shutil.copytree(DATA, copy)
    return copy


def name_source(folder: Path, url: str, digest: str, *, kind: str = "manifests", more: str = "") -> None:
    """Write the version 2.13.0 of eventing into the file, in place of what was there."""
    text = (DATA / "modules.yaml").read_text()
    version = '\n          version: "0.3.0"' if kind == "chart" else ""
    entry = f"""
    versions:
      - version: 2.13.0
        source:
          kind: {kind}
          url: {url}
          digest: {digest}{version}{more}"""
    line = "    description: Publishes and subscribes to CloudEvents, with at-least-once delivery."
    assert line in text
    (folder / "modules.yaml").write_text(text.replace(line, line + entry))


def release_names(folder: Path, version: str = "upstream@2.13.0") -> None:
    file = folder / "releases" / "2026.12.1.yaml"
    file.write_text(file.read_text().replace("eventing: 2.12.4", f"eventing: {version}"))


def apply(folder: Path, *, dry_run: bool = False) -> Any:
    return apply_catalog(actor=OPERATOR, directory=folder, dry_run=dry_run)


def refused(folder: Path) -> str:
    with pytest.raises(CommandError) as error:
        call_command("catalog", "apply", "--dir", str(folder))
    assert error.value.returncode == 2
    assert not Content.objects.exists()
    assert not ModuleVersion.objects.exists()
    return str(error.value)


def lose_bytes() -> None:
    """As an installation may have that is older than what keeps them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SET CONSTRAINTS ALL IMMEDIATE; "
            "ALTER TABLE catalog_moduleversion DROP CONSTRAINT catalog_moduleversion_has_its_content"
        )
    Content.objects.all().delete()


def objects(**settings: Any) -> dict[tuple[str, str], Any]:
    (rendered,) = render(cluster(ModuleWish("eventing", "2.13.0", "upstream", settings)))
    return {(one["kind"], one["metadata"]["name"]): one for one in rendered.objects}


def test_what_the_catalogue_names_is_fetched_once_and_is_what_a_module_is_made_of(
    served: Registry, folder: Path
) -> None:
    digest = served.put("/broker.yaml", BROKER.encode())
    name_source(folder, f"{served.url}/broker.yaml", digest)
    release_names(folder)
    applied = apply(folder)
    assert [(one.kind, one.key, one.action) for one in applied.changes] == [
        ("module_version", "eventing/upstream@2.13.0", "add"),
        ("release", "2026.12.1", "change"),
    ]
    assert "1 objects: 1 Deployment" in applied.sources[0]
    assert bytes(Content.objects.get(digest=digest).content) == BROKER.encode()
    made = objects(retentionHours=3)
    broker = made["Deployment", "broker"]
    assert (broker["metadata"]["namespace"], broker["metadata"]["labels"]["modules.nesoi.dev/part-of"]) == (
        SYSTEM,
        "eventing",
    )
    assert made["Eventing", "default"]["spec"] == {"retentionHours": 3, "highAvailability": False}
    assert ("CustomResourceDefinition", "subscriptions.modules.nesoi.dev") in made, "what tenants hold on to"
    asked = len(served.asked)
    assert apply(folder).changes == ()
    lose_bytes()
    assert apply(folder).changes == ()
    assert Content.objects.filter(digest=digest).exists(), "what was lost is fetched again"
    assert len(served.asked) == asked + 1


def test_a_dry_run_tells_what_would_come_and_keeps_nothing(served: Registry, folder: Path) -> None:
    digest = served.put("/broker.yaml", BROKER.encode())
    name_source(folder, f"{served.url}/broker.yaml", digest)
    out = StringIO()
    call_command("catalog", "apply", "--dry-run", "--dir", str(folder), stdout=out)
    said = out.getvalue()
    assert "+ module version eventing/upstream@2.13.0" in said
    assert "images: registry.example.com/broker:2.13.0" in said
    assert "requests 50m CPU and 64 MiB in 1 replicas" in said
    assert not Content.objects.exists()


def test_a_wrong_source_is_refused_with_its_line_and_nothing_is_written(
    served: Registry, folder: Path
) -> None:
    bare = "apiVersion: v1\nkind: Pod\nmetadata: {name: bare}\n"
    digest, pods = (
        served.put("/broker.yaml", BROKER.encode()),
        served.put("/pods.tgz", packed({"a.yaml": bare})),
    )
    cases = [
        (f"{served.url}/broker.yaml", pods, "manifests", "module_source_digest"),
        (f"{served.url}/pods.tgz", pods, "manifests", "module_object_kind"),
        (f"oci://{served.host}/broker", digest, "manifests", "module_source_invalid"),
        ("http://charts.example.com/a.tgz", digest, "chart", "wrong_format"),
    ]
    for url, named, kind, code in cases:
        name_source(folder, url, named, kind=kind)
        said = refused(folder)
        assert f"[{code}]" in said, said
        assert "modules.yaml:" in said


def test_settings_that_can_not_be_used_are_told_once_and_nothing_is_called(
    served: Registry, folder: Path, settings: Any, tmp_path: Path
) -> None:
    settings.MODULE_SOURCE_CREDENTIALS = str(tmp_path / "none")
    name_source(folder, f"{served.url}/broker.yaml", digest_of(BROKER.encode()))
    _, said = refused(folder).splitlines()
    assert "modules.yaml:" in said
    assert said.endswith("none can't be read: No such file or directory. [module_source_settings]")
    assert served.asked == []


def test_a_chart_without_helm_is_refused_with_how_to_get_it(
    served: Registry, folder: Path, settings: Any
) -> None:
    settings.HELM_BINARY = "no-such-helm"
    digest = served.put("/eventing.tgz", our_chart())
    name_source(folder, f"{served.url}/eventing.tgz", digest, kind="chart")
    said = refused(folder)
    assert "[helm_missing]" in said
    assert "HELM_BINARY" in said


def test_a_release_names_only_versions_that_are_there(served: Registry, folder: Path) -> None:
    digest = served.put("/broker.yaml", BROKER.encode())
    release_names(folder, "upstream@2.14.0")
    assert "[module_implementation_unknown]" in refused(folder)
    name_source(folder, f"{served.url}/broker.yaml", digest)
    said = refused(folder)
    assert "[module_version_unknown]" in said
    assert "it has: eventing/upstream@2.13.0" in said


def test_two_modules_of_a_release_that_bring_the_same_object_are_refused_with_both_named(
    served: Registry, folder: Path
) -> None:
    digest = served.put("/broker.yaml", BROKER.encode())
    name_source(folder, f"{served.url}/broker.yaml", digest)
    modules, release = folder / "modules.yaml", folder / "releases" / "2026.12.1.yaml"
    line = "    description: Scales workloads by events and queue lengths.\n"
    entry = f"""\
    versions:
      - version: 1.0.0
        source: {{kind: manifests, url: "{served.url}/broker.yaml", digest: "{digest}"}}
"""
    assert line in modules.read_text()
    modules.write_text(modules.read_text().replace(line, line + entry))
    release_names(folder)
    apply(folder)
    before = release.read_text()
    release.write_text(re.sub("autoscaling: .*", "autoscaling: upstream@1.0.0", before))
    with pytest.raises(CatalogInvalidError) as told:
        apply(folder)
    assert "Deployment nesoi-system/broker comes with module autoscaling and with module eventing" in str(
        told.value
    )
    assert f"releases/2026.12.1.yaml:{1 + before[: before.index('autoscaling:')].count(chr(10))}" in str(
        told.value
    )


def test_what_a_published_release_names_never_changes_and_what_runtimes_have_stays(
    world: World, served: Registry, folder: Path
) -> None:
    digest = served.put("/broker.yaml", BROKER.encode())
    other = served.put("/other.yaml", BROKER.replace("64Mi", "96Mi").encode())
    name_source(folder, f"{served.url}/broker.yaml", digest)
    release_names(folder)
    apply(folder)
    name_source(folder, f"{served.url}/other.yaml", other)
    apply(folder)
    assert set(Content.objects.values_list("digest", flat=True)) == {other}, "a draft's may change"
    Release.objects.filter(key="2026.12.1").update(published_at=utcnow(), published_by="ada")
    name_source(folder, f"{served.url}/broker.yaml", digest)
    with pytest.raises(ApplyRefusedError, match=r"part of the published release 2026\.12\.1"):
        apply(folder)
    release_names_nothing = folder / "releases" / "2026.12.1.yaml"
    release_names_nothing.unlink()
    shutil.copy(DATA / "modules.yaml", folder / "modules.yaml")
    runtime: Runtime = work.runtime(world.shop, world.landscape)
    spec = {**runtime.cluster_spec, "modules": [vars(WISH)]}
    Runtime.objects.filter(pk=runtime.pk).update(cluster_spec=spec)
    with pytest.raises(ApplyRefusedError) as told:
        apply(folder)
    assert any("module version eventing/upstream@2.13.0 is in use by 1" in one for one in told.value.reasons)


def test_of_two_applies_at_once_the_second_is_told_that_the_first_dropped_its_bytes(
    served: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = served.put("/broker.yaml", BROKER.encode())
    name_source(folder, f"{served.url}/broker.yaml", digest)
    apply(folder)

    def fetch_and_be_late(*said: Any) -> Any:
        """The other one fetches, has the lock and commits while this one, which has fetched, waits for it."""
        monkeypatch.setattr(module_sources, "fetch_sources", fetch_sources)
        fetched = fetch_sources(*said)
        assert not fetched.contents, "it is stored"
        apply(DATA)
        assert not Content.objects.exists()
        return fetched

    monkeypatch.setattr(module_sources, "fetch_sources", fetch_and_be_late)
    with pytest.raises(CommandError, match="run it again") as told:
        call_command("catalog", "apply", "--dir", str(folder))
    assert told.value.returncode == 3
    assert "eventing/upstream@2.13.0" in str(told.value)
    assert not ModuleVersion.objects.exists()
    apply(folder)
    assert ModuleVersion.objects.exists()
    assert Content.objects.filter(digest=digest).exists()


def test_a_manifest_whose_chart_was_lost_is_fetched_again_with_it(
    served: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ports, "review_source", ports.no_review)
    chart = our_chart()
    name_source(
        folder, f"oci://{served.host}/charts/eventing", served.push("charts/eventing", chart), kind="chart"
    )
    apply(folder)
    manifest = Content.objects.get(chart__isnull=False)
    assert manifest.chart_id == digest_of(chart)
    with pytest.raises(IntegrityError, match="catalog_content_has_its_chart"), transaction.atomic():
        Content.objects.filter(pk=manifest.chart_id).delete()
    Content.objects.filter(pk=manifest.pk).update(chart=None)
    Content.objects.filter(pk=digest_of(chart)).delete()
    apply(folder)
    assert Content.objects.get(chart__isnull=False) == manifest
    apply(DATA)
    assert not Content.objects.exists(), "both go once nobody names them"


def test_postgresql_itself_keeps_other_bytes_from_a_digest(db: None) -> None:
    for content, digest in ((b"other", digest_of(b"this")), (8_400_000 * b"x", digest_of(8_400_000 * b"x"))):
        with pytest.raises(IntegrityError, match="catalog_content_is"), transaction.atomic():
            Content.objects.create(digest=digest, content=content, origin="", fetched_at=utcnow())


def test_what_is_not_stored_or_not_there_fails_with_what_to_do(served: Registry, folder: Path) -> None:
    digest = served.put("/lost.yaml", f"{BROKER}# lost".encode())
    name_source(folder, f"{served.url}/lost.yaml", digest)
    apply(folder)
    lose_bytes()
    with pytest.raises(Retry, match="catalog apply"):
        render(cluster(WISH))
    with pytest.raises(Fatal, match=r"implementation upstream 9\.9\.9 of eventing"):
        render(cluster(ModuleWish("eventing", "9.9.9", "upstream")))


def test_what_was_rendered_once_is_not_rendered_again(
    served: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = served.put("/kept.yaml", f"{BROKER}# kept".encode())
    name_source(folder, f"{served.url}/kept.yaml", digest)
    apply(folder)
    first = render(cluster(WISH))
    monkeypatch.setattr(shelf, "make", None)
    assert render(cluster(WISH)) == first
    assert objects(retentionHours=5)["Eventing", "default"]["spec"]["retentionHours"] == 5, (
        "manifests are the same for all"
    )


def test_what_an_older_build_let_in_is_told_and_kept_and_named_by_no_new_release(
    served: Registry, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: wide}
spec: {podSelector: {}, policyTypes: [Ingress]}
"""
    digest = served.put("/wide.yaml", f"{BROKER}---{policy}".encode())
    name_source(folder, f"{served.url}/wide.yaml", digest)
    with monkeypatch.context() as older:
        older.setattr(ports, "review_source", ports.no_review)
        apply(folder)
    assert ("NetworkPolicy", "wide") in objects()
    out = StringIO()
    call_command("catalog", "apply", "--dir", str(folder), stdout=out)
    assert (
        "warning: eventing/upstream@2.13.0 was let in before, and would not be by this build (module_object_reserved)"
        in out.getvalue()
    )
    assert "The catalog is up to date." in out.getvalue()
    lose_bytes()
    assert apply(folder).doubts, "and what was lost comes back"
    assert ("NetworkPolicy", "wide") in objects()
    release_names(folder)
    with pytest.raises(CatalogInvalidError, match="is for every pod of the platform"):
        apply(folder)
