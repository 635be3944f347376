"""What an operator wrote about sources, in settings or in the catalogue, is judged before anything is called."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from controlplane.catalog.loading.module_download import Downloader, SourceUnavailableError
from controlplane.catalog.loading.module_registry import repository
from controlplane.catalog.loading.module_review import source_faults
from controlplane.catalog.loading.module_rows import module_version_row
from controlplane.catalog.loading.module_sources import downloader
from controlplane.outbound.client import Policy
from tests.contracts.certificates import certificate

DIGEST = "sha256:" + 64 * "0"
DEEP = 5000 * "[" + 5000 * "]"


@pytest.mark.parametrize("name", ["CREDENTIALS", "AUTHORITIES"])
@pytest.mark.parametrize(
    "content", [None, "", "{", "[]", '{"auths": 3}', DEEP, "\xff", "-----BEGIN CERTIFICATE-----"]
)
def test_a_file_that_can_not_be_used_is_told_in_one_line(
    name: str, content: str | None, tmp_path: Path, settings: Any
) -> None:
    file = tmp_path / "file"
    if content is None:
        file.mkdir()
    else:
        file.write_text(content, encoding="latin-1")
    setattr(settings, f"MODULE_SOURCE_{name}", str(file))
    with pytest.raises(SourceUnavailableError) as error:
        downloader()
    assert error.value.code == "module_source_settings"
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_files_that_can_be_used_are_taken(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "ca.pem").write_text(certificate()[0])
    (tmp_path / "auths").write_text('{"auths": {"a.example": {"username": "u", "password": "p"}}}')
    settings.MODULE_SOURCE_AUTHORITIES = str(tmp_path / "ca.pem")
    settings.MODULE_SOURCE_CREDENTIALS = str(tmp_path / "auths")
    assert downloader().credentials == {"a.example": "u:p"}


ADDRESSES = [
    "https://[x",
    "https://[x/a.tgz",
    "https:///a",
    "https://a:b/c",
    "https://a:99999/c",
    "https://?a",
    "oci://[x/a",
]


@pytest.mark.parametrize("url", ADDRESSES)
def test_what_is_no_address_is_refused_in_the_file_and_when_it_is_called(url: str) -> None:
    source = {"kind": "chart", "url": url, "digest": DIGEST, "version": "1.0"}
    row = module_version_row("eventing", {"version": "1.0.0", "source": source})
    [(where, code, detail)] = source_faults(row)
    assert (where, code) == (("source", "url"), "module_source_invalid")
    assert url in detail
    with pytest.raises(SourceUnavailableError, match="without a tag"):
        repository(url.replace("https://", "oci://"))
    with pytest.raises(SourceUnavailableError) as error:
        Downloader(Policy(), resolver=lambda *_: []).download(url)
    assert error.value.code.startswith("module_source_")
