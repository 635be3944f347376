"""The guard against forged forms: every address of the console that takes a form wants the page's own token."""

from __future__ import annotations

import pytest
from django.test import Client

from controlplane.console.urls import urlpatterns
from tests.api.asking import WISH
from tests.api.test_every_console_page import ROWS
from tests.matrix import Cells, patterns_of, things_of, written
from tests.signed_in import text
from tests.world import World

pytestmark = pytest.mark.django_db

# A provider says who signed out, in a signed token; a stranger's sign-up acts for nobody. Neither looks at a cookie.
EXEMPT = {"sign-in-ended", "trial"}
FORMS = sorted(page for page in ROWS if page[1] == "POST" and page[0] not in EXEMPT)


def test_no_other_page_is_exempt() -> None:
    found = {
        one.name for one in patterns_of(urlpatterns) if getattr(one.callback, "csrf_exempt", False) is True
    }
    assert found == EXEMPT


def test_a_form_from_another_site_changes_nothing(world: World) -> None:
    things, cells = things_of(world), Cells()
    client = Client(enforce_csrf_checks=True)
    client.force_login(world.alice.user)
    before = written()
    for page in FORMS:
        with cells.cell(page):
            row = ROWS[page]
            client.cookies["csrftoken"] = "a" * 32  # the browser sends it along; the other site can't read it
            origin = {"Origin": "https://evil.example"}
            answer = client.post(row.path.format(**things), row.body, headers=origin)
            assert answer.status_code == 403
            assert "This form has expired" in text(answer)
            assert written() == before
    cells.all_held(FORMS)


def test_the_api_does_not_know_the_consoles_cookie(world: World) -> None:
    client = Client()
    client.force_login(world.alice.user)
    for path, body in (("/api/v1/runtimes", WISH), ("/api/v1/tokens", {"name": "x", "role": "admin"})):
        answer = client.post(path, body, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (401, "token_missing")
    assert client.get("/api/v1/me").status_code == 401


def test_the_broker_does_not_know_it_either(world: World) -> None:
    client = Client(headers={"X-Broker-API-Version": "2.17"})
    client.force_login(world.alice.user)
    assert client.put("/osb/v2/service_instances/x", {}, content_type="application/json").status_code == 401
