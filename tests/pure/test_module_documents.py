"""A bundle is read as Kubernetes reads it, within bounds."""

from __future__ import annotations

import io
import tarfile

import pytest

from provisioner.modules.quantities import amount
from provisioner.modules.sources import archives
from provisioner.modules.sources.charts import chart_faults
from provisioner.modules.sources.documents import MOST_OBJECTS, read_manifests, read_objects
from provisioner.modules.sources.faults import SourceInvalidError
from tests.sourcing import our_chart, packed

SCALARS = """
apiVersion: v1
kind: ConfigMap
metadata: {name: words}
data:
  yes: on
  day: 2026-11-23
  time: 10:30
  octal: 0644
  hex: 0x10
  number: 1_000
  share: 1.5
  nothing: ~
  version: 1.2.3
  text: "true"
"""


def config_map(name: str) -> str:
    return f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {name}}}\n"


def refused(content: bytes) -> str:
    with pytest.raises(SourceInvalidError) as error:
        read_manifests(content)
    return f"{error.value.fault.code}: {error.value.fault.detail}"


def test_scalars_are_what_kubernetes_takes_them_for() -> None:
    (read,) = read_objects(SCALARS)
    assert read["data"] == {
        "true": True, "day": "2026-11-23", "time": "10:30", "octal": 420, "hex": 16, "number": 1000, "share": 1.5,
        "nothing": None, "version": "1.2.3", "text": "true",
    }  # fmt: skip


def test_lists_are_taken_apart_and_empty_documents_left_out() -> None:
    listed = "{apiVersion: v1, kind: ConfigMap, metadata: {name: b}}"
    text = f"---\n# nothing\n---\n{config_map('a')}---\napiVersion: v1\nkind: List\nitems:\n- {listed}\n"
    assert [one["metadata"]["name"] for one in read_manifests(text.encode())] == ["a", "b"]


def test_an_archive_is_read_by_the_names_of_its_files_and_only_its_yaml() -> None:
    files = {
        "x/2.yaml": config_map("b"),
        "x/1.yml": config_map("a"),
        "x/README.md": "# words",
        "y.json": "{}",
    }
    assert [one["metadata"]["name"] for one in read_manifests(packed(files))] == ["a", "b"]


def linked() -> bytes:
    raw = io.BytesIO()
    with tarfile.open(fileobj=raw, mode="w:gz") as archive:
        entry = tarfile.TarInfo("evil.yaml")
        entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(entry)
    return raw.getvalue()


def test_what_is_no_bundle_is_refused_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(archives, "MOST_UNPACKED", 20_000)
    many = "---\n".join(config_map(f"c{number}") for number in range(MOST_OBJECTS + 1))
    bomb = "a: &a [x, x]\nb: &b [*a, *a]\n"
    cases = {
        b"\xff\xfe": "neither text nor an archive",
        b"a: [": "not YAML in line 2",
        b"a: b": "no Kubernetes object",
        b"kind: Pod\napiVersion: v1\nmetadata: {}": "no Kubernetes object",
        b"[1]": "no Kubernetes object",
        bomb.encode(): "aliases",
        many.encode(): "more than 400 objects",
        b"\x1f\x8bnothing": "can't be unpacked",
        packed({"../up.yaml": config_map("a")}): "no plain file inside it",
        packed({"/root.yaml": config_map("a")}): "no plain file inside it",
        linked(): "no plain file inside it",
        packed({"big": 20_001 * b"0"}): "unpacks to more than",
        b"a: " + 5000 * b"[": "",
    }
    for content, said in cases.items():
        told = refused(content)
        assert said in told, (content[:40], told)
        assert told.startswith(("module_source_", "module_object_invalid"))


def test_a_chart_is_what_the_catalogue_says_that_it_is() -> None:
    assert chart_faults(our_chart(), "0.3.0") == []
    about = "apiVersion: v2\nname: eventing\nversion: 0.3.0\n"
    cases = {
        "says that it is version 0.3.0, not 0.4.0": (our_chart(), "0.4.0"),
        "no packed Helm chart": (packed({"a/values.yaml": ""}), "1"),
        "can't be unpacked": (b"<html>", "1"),
        "library of templates": (packed({"a/Chart.yaml": f"{about}type: library\n"}), "0.3.0"),
        "needs common and does not bring it": (
            packed(
                {
                    "a/Chart.yaml": f"{about}dependencies: [{{name: common}}, {{name: base}}]\n",
                    "a/charts/base-1.0.tgz": b"",
                }
            ),
            "0.3.0",
        ),
        "says nothing": (packed({"a/Chart.yaml": "words"}), "1"),
        "is not YAML": (packed({"a/Chart.yaml": "a: ["}), "1"),
    }
    for said, (content, version) in cases.items():
        found = chart_faults(content, version)
        assert len(found) == 1, said
        assert said in found[0].detail


def test_a_quantity_is_the_same_amount_however_it_is_written() -> None:
    same = [
        ("1000m", "1"),
        ("0.5", "500m"),
        ("1024Mi", "1Gi"),
        (2, "2"),
        ("1e3", "1k"),
        ("1.5Gi", "1536Mi"),
        (".5", "500m"),
    ]
    for one, other in same:
        assert amount(one) == amount(other) is not None, (one, other)
    none: list[object] = ["", "much", None, True, "1 Gi", "1gi", []]
    assert [amount(text) for text in none] == 7 * [None]


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("1e+06", 1_000_000),
        ("1.073741824e+09", 1_073_741_824),
        ("3.0", 3),
        ("1.5e-1", 0.15),
        ("0.5", 0.5),
        ("-2E2", -200),
    ],
)
def test_numbers_that_helm_writes_with_an_exponent_are_whole_where_they_are(
    written: str, read: float
) -> None:
    [one] = read_objects(f"apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: a}}\nx: {written}\n")
    assert one["x"] == read
    assert type(one["x"]) is type(read)
