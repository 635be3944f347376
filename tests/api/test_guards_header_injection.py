"""The guards against line breaks where a header, or a message's head, is made of what somebody sent."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.cache import cache
from django.core.mail import EmailMessage
from django.test import Client

from controlplane.console.views.kubeconfig import file_name
from controlplane.notices.models import Notice
from controlplane.notices.rendering import render
from tests.api.asking import Asking, problem
from tests.api.test_trials import WISH as TRIAL
from tests.osb.asking import Platform
from tests.signed_in import browse, present
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

BREAKS = ["a\r\nX-Evil: 1", "a\nX-Evil: 1", "a\rX-Evil: 1", "a\u2028X-Evil: 1", "a\x00b"]


def clean(answer: Any) -> bool:
    lines = [f"{name}: {value}" for name, value in answer.items()]
    return "X-Evil" not in answer.headers and not any(set("\r\n\0") & set(line) for line in lines)


@pytest.mark.parametrize("given", [*BREAKS, "x" * 65, "short", "<b>bold</b>"])
def test_a_request_id_of_the_callers_is_given_back_only_when_it_is_clean(given: str) -> None:
    for path in ("/api/v1/", "/sign-in", "/osb/v2/catalog"):
        answer = Client(HTTP_X_REQUEST_ID=given).get(path)
        assert answer.status_code < 500
        assert clean(answer)
        assert answer["X-Request-ID"] != given
    assert Client(HTTP_X_REQUEST_ID="clean-id-1234").get("/api/v1/")["X-Request-ID"] == "clean-id-1234"


@pytest.mark.parametrize("given", BREAKS)
def test_the_brokers_request_identity_too(world: World, given: str) -> None:
    platform = Platform(world.archipel)
    answer = Client(
        HTTP_AUTHORIZATION=platform.basic,
        HTTP_X_BROKER_API_VERSION="2.17",
        HTTP_X_BROKER_API_REQUEST_IDENTITY=given,
    ).get("/osb/v2/catalog")
    assert answer.status_code == 200
    assert clean(answer)


@pytest.mark.parametrize("given", BREAKS)
def test_no_target_or_theme_breaks_a_line(world: World, given: str) -> None:
    present(world.alice)
    cache.clear()
    form = {"username": "alice", "password": PASSWORD, "next": f"/{given}"}
    assert clean(Client().post("/sign-in", form))
    browser = browse(world.alice)
    answer = browser.post("/theme", {"theme": given, "next": f"/accounts/?{given}"})
    assert answer.status_code == 302
    assert clean(answer)
    assert "theme" not in answer.cookies or not answer.cookies["theme"].value


@pytest.mark.parametrize("given", BREAKS)
def test_no_address_or_name_adds_a_recipient_to_a_message(world: World, given: str) -> None:
    bad = f"ada@engine.example{given[1:]}"
    assert problem(Asking(world.alice).post("/invitations", {"email": bad, "role": "viewer"}))[0] in {
        400,
        422,
    }
    assert problem(Asking().post("/trials", {**TRIAL, "email": bad}))[0] in {400, 422}
    forms = (("/team/", {"email": bad, "role": "viewer"}), ("/trial", {**TRIAL, "email": bad}))
    for path, form in forms:  # no schema stands before these
        told = browse(world.alice).post(path, form)
        # A NUL is left out of what is typed, and what is left is one address.
        assert told.status_code in ({200, 302, 422} if "\0" in bad else {422}), path
    assert not Notice.objects.filter(to__regex="[\r\n\u2028]").exists()


@pytest.mark.parametrize("given", BREAKS)
def test_a_name_in_a_message_stays_within_its_line(world: World, given: str) -> None:
    named = {"tenant": given, "by": given, "role": "viewer", "link": "https://x.example", "days": 7}
    subject = render("invitation", named).subject
    assert not set("\r\n\u2028\0") & set(subject)
    message = EmailMessage(subject, "text", to=["ada@engine.example"]).message()
    assert "X-Evil" not in message


@pytest.mark.parametrize("given", [*BREAKS, 'x"; filename="evil.exe', "../../x", "x\u202egpj"])
def test_a_download_is_named_in_plain_letters(given: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9._-]+\.yaml", file_name(given))
