"""What can't be read is refused before anything looks at it."""

from __future__ import annotations

import json

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from controlplane.config.middleware import BodyLimitMiddleware
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read

pytestmark = pytest.mark.django_db


def wish_with(text: str) -> bytes:
    """A wish whose name is this JSON text."""
    return json.dumps({**WISH, "name": "@"}).replace('"@"', text).encode("utf-8", "surrogatepass")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "invalid_json"),
        (b"nonsense", "invalid_json"),
        (b'{"a": 1,}', "invalid_json"),
        (b"\xff\xfe", "invalid_json"),
        (b"\xef\xbb\xbf{}", "invalid_json"),
        (wish_with('"\ud800"'), "invalid_json"),
        (wish_with("NaN"), "invalid_json"),
        (wish_with("-Infinity"), "invalid_json"),
        (b"[]", "not_an_object"),
        (b'"text"', "not_an_object"),
        (b"null", "not_an_object"),
        (b'{"name": "a", "name": "b"}', "duplicate_key"),
        (b'{"labels": {"a": "1", "a": "2"}}', "duplicate_key"),
        (wish_with('"a\\u0000b"'), "invalid_text"),
        (wish_with('"\\ud800"'), "invalid_text"),
        (b'{"labels": {"a\\u0000": "1"}}', "invalid_text"),
        (wish_with("1e999"), "number_too_large"),
        (wish_with("9223372036854775808"), "number_too_large"),
        (wish_with("1" * 5000), "number_too_large"),
        (b'{"parameters": ' + b'{"a":' * 40 + b"1" + b"}" * 41, "nested_too_deep"),
        (b"[" * 100_000, "nested_too_deep"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_body_that_is_not_strict_json_is_refused(alice: Asking, body: bytes, code: str) -> None:
    assert problem(alice.post("/runtimes", body)) == (400, code)
    assert not Runtime.objects.exists()


def test_a_syntax_error_is_given_with_its_place(alice: Asking) -> None:
    assert "line 2, column 1" in read(alice.post("/runtimes", b'{"name":\n}'))["detail"]


@pytest.mark.parametrize(
    "kind", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"]
)
def test_another_content_type_is_refused(alice: Asking, kind: str) -> None:
    assert problem(alice.post("/runtimes", b"name=x", Content_Type=kind)) == (415, "unsupported_media_type")


def test_a_body_of_5_mb_is_refused(alice: Asking) -> None:
    assert settings.BODY_LIMIT_BYTES < 5_000_000
    assert problem(alice.post("/runtimes", wish_with('"' + "x" * 5_000_000 + '"'))) == (413, "body_too_large")


def test_a_body_too_large_is_read_to_its_end_so_that_its_sender_hears_the_answer() -> None:
    request = RequestFactory().post("/api/v1/runtimes", b"x" * 5_000_000, content_type="application/json")
    assert BodyLimitMiddleware(lambda _: HttpResponse())(request).status_code == 413
    assert request.read() == b""


def test_an_answer_in_xml_can_not_be_had(alice: Asking) -> None:
    assert problem(alice.get("/runtimes", Accept="application/xml")) == (406, "not_acceptable")


@pytest.mark.parametrize(
    "accept", ["*/*", "application/json", "application/problem+json", "text/html, */*;q=0.1"]
)
def test_json_suits_whoever_can_read_it(alice: Asking, accept: str) -> None:
    assert alice.get("/runtimes", Accept=accept).status_code == 200


@pytest.mark.parametrize("method", ["PUT", "OPTIONS", "TRACE", "DELETE"])
def test_a_method_that_is_not_there_is_a_405_with_those_that_are(alice: Asking, method: str) -> None:
    response = alice.ask(method, "/runtimes", None, {})
    assert problem(response) == (405, "method_not_allowed")
    assert {"GET", "POST"} <= set(response["Allow"].split(", "))


def test_an_address_that_is_not_there_is_a_json_404(alice: Asking) -> None:
    assert problem(alice.get("/nothing/here")) == (404, "not_found")
