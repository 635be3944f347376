"""What modules are made of is fetched as the catalogue names it, proved by its digest, or refused with words that help."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from controlplane.catalog.loading.module_download import (
    Downloader,
    SourceUnavailableError,
    authority,
    digest_of,
    prove,
    read_credentials,
)
from controlplane.catalog.loading.module_registry import fetch_chart, repository
from controlplane.catalog.loading.module_review import source_faults
from controlplane.catalog.loading.module_rows import module_version_row
from controlplane.outbound.client import Policy
from tests.sourcing import Registry, registry

WRONG = "sha256:" + 64 * "0"
CHART = b"a packed chart"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with registry(tmp_path_factory.mktemp("registry")) as shelf:
        yield shelf


@pytest.fixture(autouse=True)
def forgetful(served: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "SSL_CERT_FILE", "/dev/null"
    )  # the system's authorities take longer to read than a test
    served.asked.clear()
    served.answers.clear()
    served.token = ""


def oci(served: Registry, name: str = "charts/eventing") -> str:
    return f"oci://{served.host}/{name}"


def refusal(served: Registry, digest: str, client: Downloader | None = None) -> SourceUnavailableError:
    with pytest.raises(SourceUnavailableError) as error:
        fetch_chart(client or served.downloader(), oci(served), digest)
    return error.value


def test_a_chart_comes_by_the_digest_of_its_manifest(served: Registry) -> None:
    digest = served.push("charts/eventing", CHART)
    chart = fetch_chart(served.downloader(), oci(served), digest)
    assert (chart.content, chart.digest) == (CHART, digest_of(CHART))
    assert digest_of(chart.manifest) == digest
    assert [path for path, _ in served.asked] == [
        f"/v2/charts/eventing/manifests/{digest}",
        f"/v2/charts/eventing/blobs/{digest_of(CHART)}",
    ]


@pytest.mark.parametrize("credentials", ["", "ada:secret"])
def test_a_registry_that_wants_a_token_gets_the_one_that_it_gives(served: Registry, credentials: str) -> None:
    served.token = "t0ken"
    digest = served.push("charts/eventing", CHART)
    assert fetch_chart(served.downloader(credentials), oci(served), digest).content == CHART
    token = next(entry for entry in served.asked if entry[0].startswith("/token"))
    assert token[0] == "/token?service=charts&scope=repository%3Aeventing%3Apull"
    assert token[1] == (f"Basic {base64.b64encode(b'ada:secret').decode()}" if credentials else "")
    assert len(served.asked) == 4, "one token for manifest and chart"


def test_what_authorizes_stays_with_the_host_that_it_is_for(served: Registry) -> None:
    with registry(Path(served.certificate).parent) as storage:
        served.token = "t0ken"
        digest = served.push("charts/eventing", CHART)
        storage.put("/elsewhere", CHART)
        there = f"{storage.url}/elsewhere?signature=s3cret"
        served.put(f"/v2/charts/eventing/blobs/{digest_of(CHART)}", b"", 307, Location=there)
        assert fetch_chart(served.downloader(), oci(served), digest).content == CHART
        assert storage.asked == [("/elsewhere?signature=s3cret", "")]


BASIC = f"Basic {base64.b64encode(b'ada:secret').decode()}"


@pytest.mark.parametrize("challenge", ['Bearer realm="{}/token",service="x"', 'Basic realm="x"'])
def test_nobody_whom_a_redirect_leads_to_names_where_credentials_go(served: Registry, challenge: str) -> None:
    with registry(Path(served.certificate).parent) as other:
        other.put("/v2/x", b"", 401, WWW_Authenticate=challenge.format(other.url))
        served.put(f"/v2/charts/eventing/manifests/{WRONG}", b"", 307, Location=f"{other.url}/v2/x")
        told = refusal(served, WRONG, served.downloader("ada:secret"))
        assert other.asked == [("/v2/x", "")]
    assert told.code == "module_source_refused"
    assert f"led to {other.host}" in str(told)
    assert f"for {served.host} alone" in str(told)
    assert len(served.asked) == 1


@pytest.mark.parametrize("realm", ["http://{}/token", "//{}/token", "ftp://{}/", "https://[", ""])
def test_tokens_are_asked_for_over_https_alone(served: Registry, realm: str) -> None:
    named = realm.format(served.host)
    path = f"/v2/charts/eventing/manifests/{WRONG}"
    served.put(path, b"", 401, WWW_Authenticate=f'Bearer realm="{named}"')
    told = refusal(served, WRONG, served.downloader("ada:secret"))
    assert (told.code, f"names '{named}' for tokens" in str(told)) == ("module_source_refused", True)
    assert served.asked == [(path, "")]


def test_where_tokens_are_given_leads_elsewhere_without_credentials(served: Registry) -> None:
    with registry(Path(served.certificate).parent) as other:
        other.put("/given", b'{"token": "t0ken"}')
        served.put("/realm", b"", 302, Location=f"{other.url}/given")
        path = f"/v2/charts/eventing/manifests/{WRONG}"
        served.put(path, b"", 401, WWW_Authenticate=f'Bearer realm="{served.url}/realm"')
        refusal(served, WRONG, served.downloader("ada:secret"))
        assert other.asked == [("/given", "")]
    assert [sent for _, sent in served.asked] == ["", BASIC, "Bearer t0ken"]


def test_what_was_let_go_on_the_way_is_not_taken_up_again(served: Registry) -> None:
    with registry(Path(served.certificate).parent) as other:
        served.put("/a.yaml", b"", 302, Location=f"{other.url}/b.yaml")
        other.put("/b.yaml", b"", 302, Location=f"{served.url}/c.yaml")
        served.put("/c.yaml", b"", 401)
        with pytest.raises(SourceUnavailableError, match="answered 401"):
            served.downloader("ada:secret").download(f"{served.url}/a.yaml")
        assert other.asked == [("/b.yaml", "")]
    assert served.asked == [("/a.yaml", BASIC), ("/c.yaml", "")]
    served.put("/e.yaml", b"", 302, Location="https://a.example/\x1b[2J")
    with pytest.raises(SourceUnavailableError) as told:
        served.downloader().download(f"{served.url}/e.yaml")
    assert str(told.value).isprintable()
    assert "secret" not in repr(served.downloader("ada:secret"))
    served.put("/d.yaml", b"", 302, Location="https://[")
    with pytest.raises(SourceUnavailableError, match="leads to what is no address"):
        served.downloader().download(f"{served.url}/d.yaml")


def test_a_storage_that_wants_credentials_is_named_and_gets_none(served: Registry) -> None:
    with registry(Path(served.certificate).parent) as storage:
        served.token = "t0ken"
        digest = served.push("charts/eventing", CHART)
        storage.put("/blob", b"", 403)
        there = f"{storage.url}/blob"
        served.put(f"/v2/charts/eventing/blobs/{digest_of(CHART)}", b"", 307, Location=there)
        told = str(refusal(served, digest, served.downloader("ada:secret")))
        assert storage.asked == [("/blob", "")]
    assert f"led to {storage.host}, which answered 403" in told
    assert "not sent to another" in told


def test_a_host_is_the_same_however_it_is_written_and_another_on_another_port_or_without_tls() -> None:
    same = ("https://A.example/x", "https://a.example:443/y?z", "https://a.EXAMPLE")
    assert {authority(url) for url in same} == {"a.example:443"}
    assert authority("https://a.example:8443/") == "a.example:8443"
    for url in (
        "http://a.example/",
        "oci://a.example/",
        "https://",
        "https://[",
        "https://a:b/",
        "a.example",
    ):
        assert authority(url) == ""
    client = Downloader(Policy(), {"A.example": "ada:secret", "b.example:5000": "u:p"})
    assert client.basic("https://a.example:443/") == {"Authorization": BASIC}
    for url in ("http://a.example/", "https://a.example:8443/", "https://b.example/", "https://x.a.example/"):
        assert client.basic(url) == {}


def test_bytes_under_another_digest_are_not_used(served: Registry) -> None:
    digest = served.push("charts/eventing", CHART)
    served.put(f"/v2/charts/eventing/blobs/{digest_of(CHART)}", b"something else")
    assert refusal(served, digest).code == "module_source_digest"
    served.put(f"/v2/charts/eventing/manifests/{digest}", b"{}")
    told = refusal(served, digest)
    assert told.code == "module_source_digest"
    assert digest_of(b"{}") in str(told)
    assert digest in str(told)


def test_what_is_no_chart_is_refused(served: Registry) -> None:
    chart_of_helm = "application/vnd.cncf.helm.chart.content.v1.tar+gzip"
    image = served.push(
        "charts/eventing", CHART, config={"mediaType": "application/vnd.oci.image.config.v1+json"}
    )
    assert "no Helm chart" in str(refusal(served, image))
    odd: list[object] = [[], [1], "x", [{"mediaType": chart_of_helm, "digest": "x"}], {"a": 1}]
    for layers in odd:
        manifest = served.push("charts/eventing", CHART, layers=layers)
        assert "exactly one chart" in str(refusal(served, manifest))
    wrong: list[object] = [[], "x", {"mediaType": ["\x1b[2J"]}]
    for config in wrong:
        told = str(refusal(served, served.push("charts/eventing", CHART, config=config)))
        assert "no Helm chart" in told
        assert told.isprintable()
    index = served.put("/v2/charts/eventing/manifests/x", b"[]")
    served.put(f"/v2/charts/eventing/manifests/{index}", b"[]")
    assert refusal(served, index).code == "module_source_invalid"


def test_too_much_is_refused_before_it_is_fetched_and_while_it_is(served: Registry) -> None:
    layers = [
        {"mediaType": "application/vnd.cncf.helm.chart.content.v1.tar+gzip", "digest": WRONG, "size": 9**9}
    ]
    assert (
        refusal(served, served.push("charts/eventing", CHART, layers=layers)).code
        == "module_source_too_large"
    )
    assert refusal(served, served.push("charts/eventing", 200_000 * b"x")).code == "module_source_too_large"


@pytest.mark.parametrize(
    ("status", "said"),
    [(404, "look at the address"), (403, "MODULE_SOURCE_CREDENTIALS"), (500, "try again later")],
)
def test_what_a_registry_refuses_is_told_with_a_remedy(served: Registry, status: int, said: str) -> None:
    served.put(f"/v2/charts/eventing/manifests/{WRONG}", b"", status)
    told = refusal(served, WRONG)
    assert told.code == "module_source_unreachable"
    assert f"answered {status}" in str(told)
    assert said in str(told)


def test_a_registry_that_lets_nobody_in_ends_the_matter(served: Registry) -> None:
    served.put(f"/v2/charts/eventing/manifests/{WRONG}", b"", 401, WWW_Authenticate='Negotiate realm="x"')
    assert "MODULE_SOURCE_CREDENTIALS" in str(refusal(served, WRONG))


def test_only_listed_networks_are_called_and_only_over_https(served: Registry) -> None:
    told = refusal(served, WRONG, Downloader(Policy(authorities=served.certificate)))
    assert (told.code, "MODULE_SOURCE_NETWORKS" in str(told)) == ("module_source_refused", True)
    served.put("/plain", b"", 302, Location=f"http://{served.host}/x")
    with pytest.raises(SourceUnavailableError, match="must begin with https"):
        served.downloader().download(f"{served.url}/plain")
    served.put("/round", b"", 302, Location="/round")
    with pytest.raises(SourceUnavailableError, match="leads on and on"):
        served.downloader().download(f"{served.url}/round")


def test_a_server_without_a_trusted_certificate_is_not_believed(served: Registry) -> None:
    client = Downloader(Policy(served.downloader().policy.private_networks))
    assert refusal(served, WRONG, client).code == "module_source_unreachable"


@pytest.mark.parametrize(
    "url",
    [
        "oci://h.example/a:1.0",
        "oci://h.example/",
        "oci://u@h.example/a",
        "https://h.example/a",
        "oci://h.example/A",
    ],
)
def test_an_address_in_a_registry_names_registry_and_repository_alone(url: str) -> None:
    with pytest.raises(SourceUnavailableError, match="oci://registry/repository/chart"):
        repository(url)


def test_credentials_are_read_as_container_tools_write_them(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    auth = base64.b64encode(b"ada:pass:word").decode()
    file.write_text(
        json.dumps(
            {
                "auths": {
                    "https://a.example/v1/": {"auth": auth},
                    "b.example:5000": {"username": "u", "password": "p"},
                }
            }
        )
    )
    assert read_credentials(str(file)) == {"a.example": "ada:pass:word", "b.example:5000": "u:p"}
    assert read_credentials("") == {}
    for wrong in ("[]", "{", '{"auths": {"a": {"auth": "%%%"}}}', '{"auths": {"a": {}}}'):
        file.write_text(wrong)
        with pytest.raises(ValueError, match="as container tools write it"):
            read_credentials(str(file))
    with pytest.raises(ValueError, match="can't be read"):
        read_credentials(str(tmp_path / "none"))


def test_a_digest_is_proved() -> None:
    assert prove(CHART, digest_of(CHART), "it") == CHART
    with pytest.raises(SourceUnavailableError, match="was changed since"):
        prove(CHART, WRONG, "it")


def review(kind: str, url: str, **entry: object) -> list[str]:
    source = {
        "kind": kind,
        "url": url,
        "digest": WRONG,
        **({"version": "1.0"} if entry.pop("named", False) else {}),
    }
    row = module_version_row("eventing", {"version": "1.0.0", "source": source, **entry})
    return [detail for _, code, detail in source_faults(row) if code == "module_source_invalid"]


def test_what_does_not_go_together_is_told_before_anything_is_fetched() -> None:
    tgz, oci_url = "https://h.example/a.tgz", "oci://h.example/a"
    assert (
        review("chart", tgz, named=True)
        == review("chart", oci_url, named=True)
        == review("manifests", tgz)
        == []
    )
    assert "only charts come from oci://" in review("manifests", oci_url)[0]
    assert "no version of their own" in review("manifests", tgz, named=True)[0]
    assert "take no values" in review("manifests", tgz, values={"a": 1})[0]
    assert "take no settings" in review("manifests", tgz, settings={"retentionHours": "a"})[0]
    assert "name the chart's version" in review("chart", tgz)[0]
    assert "without a tag" in review("chart", f"{oci_url}:1.0", named=True)[0]
