"""The pages of trials: a stranger's, their tenant's, the platform's, and the demo's mailbox."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
import time_machine
from django.test import Client
from pytest_django import Settings
from structlog.testing import capture_logs

from controlplane.console.views import trials_fleet
from controlplane.identity.models import UserSession
from controlplane.kernel.clock import utcnow
from controlplane.notices.delivery import deliver_due
from controlplane.notices.models import Mail
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.models import Member, User
from controlplane.trials.managing import change_offer
from controlplane.trials.models import Capacity, Rule, SignUp, Trial
from controlplane.trials.sign_in import send_links
from controlplane.trials.status import status_of_trial
from controlplane.trials.ticking import tick
from provisioner.lifecycle.tenants import suspend_tenant
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, text
from tests.trialling import ask, letters, settle, trial_of, try_out
from tests.world import World, member

pytestmark = pytest.mark.django_db
ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)
FORM = {"email": "ada@engine.example", "company": "Engine Works", "region": "eu-central-1"}
SITE = "https://www.example.com"


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


@pytest.fixture
def pia(world: World) -> Client:
    user = User.objects.create_user(username="pia", platform_role=PlatformRole.ADMIN.value)
    client = Client()
    client.force_login(user)
    return client


def link(kind: str = "trial-verify") -> str:
    found = re.fullmatch(r"http://testserver(/trial/.+)", letters(kind)[-1][1]["link"])
    assert found
    return found[1]


def signed_in(trial: Trial) -> Client:
    client = Client()
    client.force_login(trial.owner)
    return client


def running() -> Trial:
    trial = trial_of(try_out())
    settle(trial.runtime, "ready")
    with time_machine.travel(utcnow() + timedelta(seconds=15)):
        tick()
    trial.refresh_from_db()
    return trial


def test_a_stranger_signs_up_confirms_and_stands_in_their_own_tenant() -> None:
    client = Client()
    assert "Try Nesoi for 14 days" in text(client.get("/trial"))
    assert "Look into your mail" in text(client.post("/trial", FORM))
    address = link()
    assert "One press to go" in text(client.get(address))
    assert Runtime.objects.count() == 0  # a program that looks through mail opens links, and nothing happens
    answer = client.post(address, follow=True)
    assert answer.redirect_chain == [("/trial/mine", 302)]
    assert "Your runtime is being built" in text(answer)
    assert "trial" in text(client.get("/"))
    assert Runtime.objects.count() == 1
    for again in (client.post, client.get):
        assert again(address, follow=True).redirect_chain == [("/trial/mine", 302)]
    assert Trial.objects.count() == 1
    elsewhere = Client().post(address)
    assert elsewhere.status_code == 410
    assert "This link was used already" in text(elsewhere)
    assert "/trial/sign-in" in elsewhere.content.decode()


def test_opening_the_link_any_number_of_times_does_nothing() -> None:
    Client().post("/trial", FORM)
    address = link()
    for method in ("get", "head"):
        getattr(Client(), method)(address)
    assert SignUp.objects.get().state == "pending"


def test_confirming_needs_the_pages_own_form() -> None:
    Client().post("/trial", FORM)
    strict = Client(enforce_csrf_checks=True)
    assert strict.post(link()).status_code == 403
    assert SignUp.objects.get().state == "pending"


def pressed(client: Client, address: str, token: str) -> Any:
    return client.post(address, {"csrfmiddlewaretoken": token})


def token_of(client: Client, address: str) -> str:
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', client.get(address).content.decode())
    assert found
    return found[1]


@pytest.mark.parametrize("kind", ["trial-verify", "trial-sign-in"])
def test_a_second_press_leads_to_where_the_first_one_led(kind: str) -> None:
    """The first press begins a session, and with it the token of the page that is still open expires."""
    if kind == "trial-sign-in":
        try_out()
        Client().post("/trial/sign-in", {"email": "ada@engine.example"})
        send_links()
    else:
        Client().post("/trial", FORM)
    address, client = link(kind), Client(enforce_csrf_checks=True)
    token = token_of(client, address)
    assert pressed(client, address, token).headers["Location"] == "/trial/mine"
    again = pressed(client, address, token)
    assert again.headers["Location"] == f"{address}?again=1"
    assert client.get(again.headers["Location"]).headers["Location"] == "/trial/mine"


@pytest.mark.parametrize("kind", ["trial-verify", "trial-sign-in"])
def test_a_form_that_expired_before_it_was_used_is_shown_once_more(kind: str) -> None:
    if kind == "trial-sign-in":
        try_out()
        Client().post("/trial/sign-in", {"email": "ada@engine.example"})
        send_links()
    else:
        Client().post("/trial", FORM)
    address, client = link(kind), Client(enforce_csrf_checks=True)
    token_of(client, address)
    again = pressed(client, address, "a" * 64)
    assert again.headers["Location"] == f"{address}?again=1"
    assert "Press once more" in text(client.get(f"{address}?again=1"))
    assert pressed(client, f"{address}?again=1", "a" * 64).status_code == 403  # no circle
    token = token_of(client, f"{address}?again=1")
    assert pressed(client, f"{address}?again=1", token).headers["Location"] == "/trial/mine"


def test_the_form_says_what_needs_a_change() -> None:
    answer = Client().post("/trial", {**FORM, "email": "x", "region": "mars"})
    assert answer.status_code == 422
    assert "One thing needs a change" in text(answer)
    assert 'aria-invalid="true"' in answer.content.decode()


def test_what_is_typed_is_shown_as_text() -> None:
    answer = Client().post("/trial", {**FORM, "company": '"><script>alert(1)</script>', "email": "'\"<b>"})
    assert "<script>alert" not in answer.content.decode()


def test_nobody_frames_any_page_by_default() -> None:
    answer = Client().get("/trial")
    assert (answer["X-Frame-Options"], "frame-ancestors 'none'" in answer["Content-Security-Policy"]) == (
        "DENY",
        True,
    )


def test_a_website_on_the_list_frames_the_sign_up_page_and_no_other(settings: Settings) -> None:
    settings.TRIAL_FRAME_ANCESTORS = [SITE]
    for method in ("get", "post"):
        answer = getattr(Client(enforce_csrf_checks=True), method)(
            "/trial?embed", FORM if method == "post" else {}
        )
        assert answer.status_code == 200
        assert f"frame-ancestors {SITE}" in answer["Content-Security-Policy"]
        assert "X-Frame-Options" not in answer
    for path in ("/sign-in", "/trial/sign-in", "/trial/confirm/x", "/mailbox"):
        answer = Client().get(path)
        assert "frame-ancestors 'none'" in answer["Content-Security-Policy"], path
        assert answer["X-Frame-Options"] == "DENY"


def test_a_sign_in_link_is_asked_for_mailed_and_works_once() -> None:
    trial = trial_of(try_out())
    told = [
        text(Client().post("/trial/sign-in", {"email": email}))
        for email in ("ada@engine.example", "x@y.example")
    ]
    assert told[0].replace("ada@engine.example", "") == told[1].replace("x@y.example", "")
    send_links()
    client = Client()
    address = link("trial-sign-in")
    client.get(address)
    answer = client.post(address, follow=True)
    assert trial.company in text(answer)
    assert UserSession.objects.filter(user=trial.owner).count() == 1
    assert Client().post(address).status_code == Client().get(address).status_code == 410


def test_a_tenant_sees_how_long_its_trial_lasts_wherever_it_looks() -> None:
    trial = running()
    client = signed_in(trial)
    for path in ("/", "/trial/mine", f"/runtimes/{trial.runtime_id}/", "/accounts/"):
        assert re.search(r"(Ends|Trial: 1[34] days left)", text(client.get(path))), path
    assert "Extend by 7 days" in text(client.get("/trial/mine"))
    assert "Left 14 days" in text(client.get("/trial/mine"))


def test_an_owner_extends_and_takes_a_plan() -> None:
    trial = running()
    client = signed_in(trial)
    assert "extended" in text(client.post("/trial/mine/extend", follow=True))
    assert client.post("/trial/mine/extend").status_code == 409
    refused = client.post("/trial/mine/convert", {"plan": "nonsense"})
    assert refused.status_code == 422
    assert re.search('<select id="f-plan"[^>]* aria-invalid="true"', refused.content.decode())
    answer = client.post("/trial/mine/convert", {"plan": "aws"}, follow=True)
    assert "yours to keep" in text(answer)
    assert "days left" not in text(client.get("/accounts/"))


def test_a_suspended_tenant_is_offered_nothing_that_would_be_refused() -> None:
    trial = running()
    client = signed_in(trial)
    assert "Need more time?" in client.get("/trial/mine").content.decode()
    suspend_tenant(actor=SYSTEM, tenant_id=trial.tenant_id)
    page = client.get("/trial/mine").content.decode()
    assert "is suspended" in page
    assert "The runtime is ready." not in page
    assert "so the runtime rests" in page
    assert not status_of_trial(Trial.objects.get(pk=trial.pk)).may_extend
    assert not {"Need more time?", "Keep the runtime"} & set(re.findall(r">([^<>]+)</h2>", page))


def test_a_viewer_looks_but_changes_nothing() -> None:
    trial = running()
    viewer = User.objects.create_user(username="vic")
    Member.objects.create(tenant=trial.tenant, user=viewer, role=Role.VIEWER)
    client = Client()
    client.force_login(viewer)
    page = text(client.get("/trial/mine"))
    assert "Your trial runs" in page
    assert "Extend by" not in page
    for path in ("/trial/mine/extend", "/trial/mine/convert"):
        assert client.post(path, {"plan": "aws"}).status_code == 403


def test_a_tenant_without_a_trial_has_no_such_page(world: World) -> None:
    assert browse(world.alice).get("/trial/mine").status_code == 404


def test_the_tombstone_is_told() -> None:
    trial = running()
    Trial.objects.filter(pk=trial.pk).update(stage="removed", ended_at=utcnow(), next_at=None)
    assert "nothing of it is left" in text(signed_in(trial).get("/trial/mine"))


def test_a_platform_admin_changes_the_offer_and_the_rules(pia: Client) -> None:
    trial = trial_of(try_out())
    page = text(pia.get("/fleet/trials"))
    assert "1 of 50 places taken" in page
    assert trial.company in page
    offer = {"places": "7", "closed_regions": ["us-east-1", "mars"], "is_open": "on"}
    assert pia.post("/fleet/trials/offer", offer).status_code == 302
    row = Capacity.objects.get()
    assert (row.places, row.closed_regions, row.is_open) == (7, ["us-east-1"], True)
    assert pia.post("/fleet/trials/offer", {"places": "many"}).status_code == 422
    rule = {"kind": "domain", "pattern": "evil.example", "why": "mining", "days": "30"}
    assert pia.post("/fleet/trials/rules", rule).status_code == 302
    assert "evil.example" in text(pia.get("/fleet/trials"))
    for wrong in ({"days": "0"}, {"days": "x"}, {"kind": "planet"}, {"pattern": ""}, {"why": ""}):
        assert pia.post("/fleet/trials/rules", {**rule, "pattern": "b.example", **wrong}).status_code == 422
    assert pia.post(f"/fleet/trials/rules/{Rule.objects.get().pk}/lift").status_code == 302
    assert not Rule.objects.exists()


def add_rule(shown: str) -> None:
    Rule.objects.create(
        kind="domain", pattern=shown, shown=shown, why="x", created_by="pia", created_at=utcnow()
    )


def add_sign_up(shown: str) -> None:
    ask(f"ada@{shown}", company=shown)


@pytest.mark.parametrize(("name", "add"), [("rules", add_rule), ("sign_ups", add_sign_up)])
def test_rules_and_sign_ups_go_on_page_by_page(
    pia: Client, name: str, add: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials_fleet, "SHOWN", 2)
    for shown in ("oldest.example", "middle.example", "newest.example"):
        add(shown)
        time.sleep(0.002)  # ids of one millisecond have no order
    first = pia.get("/fleet/trials?stage=active")
    assert "newest.example" in text(first)
    assert "oldest.example" not in text(first)
    rest = pia.get("/fleet/trials" + query_of(first, "Older"))
    assert f"{name}_after=" in query_of(first, "Older")
    assert "oldest.example" in text(rest)
    assert "middle.example" not in text(rest)
    assert 'href="?stage=active" aria-current="true"' in rest.content.decode()
    assert "newest.example" in text(pia.get("/fleet/trials" + query_of(rest, "Newest")))


def query_of(page: Any, title: str) -> str:
    """Where the link of this title leads."""
    found = re.search(rf'href="([?][^"#]*)#[^>]*>{title}', page.content.decode())
    assert found, title
    return unescape(found[1])


def test_a_platform_admin_takes_a_trial_off_the_list(pia: Client) -> None:
    change_offer(actor=ADMIN, places=0, closed_regions=[], is_open=True)
    trial = trial_of(try_out())
    assert "Take off the list" in text(pia.get("/fleet/trials?stage=waiting"))
    assert pia.post(f"/fleet/trials/{trial.pk}/reject").status_code == 302
    assert pia.post(f"/fleet/trials/{trial.pk}/reject").status_code == 409


def test_an_sre_sees_what_fails_but_does_not_change_the_offer(world: World) -> None:
    trial = running()
    Trial.objects.filter(pk=trial.pk).update(problem="The suspension failed.", failures=3)
    client = browse(world.sam)
    assert "The suspension failed." in text(client.get("/fleet/trials"))
    for path in ("offer", "rules", f"{trial.pk}/reject", f"{trial.pk}/retry", f"rules/{trial.pk}/lift"):
        assert client.post(f"/fleet/trials/{path}", {"places": "1", "kind": "domain"}).status_code == 403


@pytest.mark.parametrize("role", list(Role))
def test_no_role_of_a_tenant_sees_everybodys_trials(world: World, role: Role) -> None:
    client = browse(member(f"x-{role}", world.archipel, role))
    assert client.get("/fleet/trials").status_code == 403
    assert client.post("/fleet/trials/offer", {"places": "9"}).status_code == 403


@pytest.mark.parametrize(
    "query",
    [
        "?stage=nonsense",
        "?after=x",
        "?after=019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
        "?rules_after=%00&sign_ups_after=",
        "?rules_after=019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41",
    ],
)
def test_a_strange_query_is_answered(pia: Client, query: str) -> None:
    assert pia.get("/fleet/trials" + query).status_code == 200


def mailed(settings: Settings) -> Any:
    settings.EMAIL_BACKEND = "controlplane.notices.mailbox.MailboxBackend"
    Client().post("/trial", FORM)
    deliver_due()
    return Mail.objects.get()


def test_the_demo_prints_the_link_and_shows_its_mail_with_one_to_press(settings: Settings) -> None:
    with capture_logs() as lines:
        mail = mailed(settings)
    printed = [line["links"] for line in lines if line["event"] == "mail"]
    assert [links[0].split("/confirm/")[0] for links in printed] == ["http://testserver/trial"]
    assert "Confirm your Nesoi trial" in text(Client().get("/mailbox"))
    assert "Confirm" in text(Client().get("/mailbox?to=ADA@engine.example"))
    assert "No messages to bob@engine.example" in text(Client().get("/mailbox?to=bob@engine.example"))
    shown = Client().get(f"/mailbox/{mail.pk}").content.decode()
    assert re.search(r'<a href="http://testserver/trial/confirm/[\w-]{43}"', shown)


def test_no_other_installation_shows_mail(settings: Settings) -> None:
    mail = mailed(settings)
    settings.EMBEDDED = False
    assert Client().get("/mailbox").status_code == 404
    assert Client().get(f"/mailbox/{mail.pk}").status_code == 404
