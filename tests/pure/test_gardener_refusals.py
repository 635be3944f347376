"""What an API server's refusal means for whoever asked."""

from __future__ import annotations

from datetime import timedelta

import pytest

from controlplane.kernel.errors import Audience, Fatal, Retry
from provisioner.drivers.kube.refusals import ApiRefused, fate, refused

NAME = "Landscape x"


def status(code: int, message: str = "no", *fields: str, **headers: str) -> ApiRefused:
    details = {"causes": [{"field": field, "message": "Invalid value"} for field in fields]}
    body = {"kind": "Status", "message": message, "reason": "Because", "details": details}
    return refused(code, body, {name.replace("_", "-"): value for name, value in headers.items()})


@pytest.mark.parametrize(
    ("code", "counts"),
    [
        (429, False),
        (409, False),
        (408, False),
        (401, True),
        (500, True),
        (502, True),
        (503, True),
        (504, True),
    ],
)
def test_what_passes_is_tried_again_and_only_silence_counts_against_the_landscape(
    code: int, counts: bool
) -> None:
    error = fate(status(code), name=NAME)
    assert isinstance(error, Retry)
    assert error.landscape_fault is counts


def test_a_clusters_own_api_never_counts_against_its_landscape() -> None:
    error = fate(status(503), name=NAME, landscape=False)
    assert isinstance(error, Retry)
    assert not error.landscape_fault


@pytest.mark.parametrize(
    ("header", "after"),
    [("7", timedelta(seconds=7)), ("99999", timedelta(minutes=15)), ("soon", None), ("-1", None), ("", None)],
)
def test_retry_after_is_obeyed_within_reason(header: str, after: timedelta | None) -> None:
    error = fate(status(429, Retry_After=header), name=NAME)
    assert isinstance(error, Retry)
    assert error.after == after


@pytest.mark.parametrize("code", [400, 403, 404, 405, 422])
def test_other_refusals_last_and_are_for_the_sre(code: int) -> None:
    error = fate(status(code), name=NAME)
    assert isinstance(error, Fatal)
    assert error.audience is Audience.SRE


def test_refused_fields_that_the_tenant_chose_are_the_tenants() -> None:
    error = fate(status(422, "no", "spec.networking.pods"), name=NAME, tenant_fields=("spec.networking",))
    assert isinstance(error, Fatal)
    assert error.audience is Audience.TENANT
    assert "spec.networking.pods: Invalid value" in str(error)
    mixed = fate(
        status(422, "no", "spec.networking.pods", "spec.region"),
        name=NAME,
        tenant_fields=("spec.networking",),
    )
    assert isinstance(mixed, Fatal)
    assert mixed.audience is Audience.SRE


@pytest.mark.parametrize("body", [None, [], "text", {"details": "no"}, {"details": {"causes": [1]}}])
def test_an_answer_that_is_no_status_still_becomes_a_sentence(body: object) -> None:
    assert (
        str(fate(refused(400, body, {}), name=NAME))
        == f"{NAME} refuses the request: The server answered 400."
    )
