"""Asking for a trial: a message and nothing else, the same for everybody, and not too often."""

from __future__ import annotations

from datetime import timedelta

import pytest
import time_machine
from pytest_django import Settings

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.models import Notice
from controlplane.tenants.access import Actor, PlatformRole
from controlplane.tenants.models import AuditEvent, Tenant
from controlplane.trials import offer
from controlplane.trials.blocklist import add_rule, lift_rule
from controlplane.trials.checks.proof_of_work import solve
from controlplane.trials.confirm import confirm
from controlplane.trials.managing import change_offer
from controlplane.trials.models import Rule, SignUp
from controlplane.trials.secrets import digest_of
from controlplane.trials.status import read_status
from controlplane.trials.ticking import tick
from tests.trialling import ask, letters, token_to, try_out
from tests.world import World

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("world")]
ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)


def refusal(**changes: str) -> Refused:
    with pytest.raises(Refused) as refused:
        ask(**changes)
    return refused.value


def test_nothing_but_a_message_comes_of_asking() -> None:
    before = Tenant.objects.count()
    asked = ask()
    assert asked.sign_up.state == "pending"
    assert [kind for kind, _ in letters()] == ["trial-verify"]
    assert Tenant.objects.count() == before


def test_neither_the_links_token_nor_the_secret_is_kept() -> None:
    asked = ask()
    row = SignUp.objects.get()
    assert bytes(row.secret_digest) == digest_of(asked.secret)
    assert bytes(row.link_digest) == digest_of(token_to("ada@engine.example"))


def test_a_known_address_is_answered_and_written_to_like_an_unknown_one(world: World) -> None:
    assert world.landscape.accepting
    try_out("ada@engine.example", client="203.0.113.1")
    Notice.objects.all().delete()
    known = ask("ada@engine.example", client="203.0.113.2")
    unknown = ask("bob@other.example", client="203.0.113.3")
    assert (known.sign_up.state, known.sign_up.reason) == (unknown.sign_up.state, unknown.sign_up.reason)
    assert [kind for kind, _ in letters()] == ["trial-verify", "trial-verify"]


def test_a_known_address_takes_the_same_statements_as_an_unknown_one(
    world: World, django_assert_num_queries: object
) -> None:
    from django.db import connection
    from django.test.utils import CaptureQueriesContext

    assert world.landscape.accepting
    try_out("ada@engine.example", client="203.0.113.1")
    ask("zoe@third.example", client="203.0.113.9")
    with CaptureQueriesContext(connection) as known:
        ask("ada@engine.example", client="203.0.113.2")
    with CaptureQueriesContext(connection) as unknown:
        ask("bob@other.example", client="203.0.113.3")
    assert len(known) == len(unknown)


def test_a_double_click_is_one_sign_up() -> None:
    first, second = ask(), ask()
    assert (first.sign_up.id, first.secret) == (second.sign_up.id, second.secret)
    assert second.replayed
    assert len(letters()) == 1


def test_the_same_words_from_elsewhere_are_another_sign_up() -> None:
    assert ask().sign_up.id != ask(client="198.51.100.1").sign_up.id


def test_the_same_idempotency_key_gets_the_same_answer_and_another_request_is_refused() -> None:
    first = ask(idempotency_key="k-1")
    again = ask(idempotency_key="k-1", client="198.51.100.1")
    assert (first.sign_up.id, first.secret) == (again.sign_up.id, again.secret)
    assert len(letters()) == 1
    assert refusal(idempotency_key="k-1", company="Other").code == "idempotency_key_reused"


@pytest.mark.parametrize(
    ("wish", "code"),
    [
        ({"email": "nobody"}, "email_invalid"),
        ({"email": "x@mailinator.com"}, "email_disposable"),
        ({"email": "x@sub.mailinator.com"}, "email_disposable"),
        ({"company": ""}, "company_invalid"),
        ({"company": "Win at https://evil.example"}, "company_invalid"),
        ({"company": "<b>x</b>"}, "company_invalid"),
        ({"company": "a" * 121}, "company_invalid"),
        ({"company": "a\x00b"}, "company_invalid"),
        ({"region": "mars"}, "region_unknown"),
        ({"region": "eu-west-1"}, "region_unknown"),
        ({"locale": "<script>"}, "locale_invalid"),
    ],
)
def test_what_can_not_be_is_refused_with_a_sentence(wish: dict[str, str], code: str) -> None:
    refused = refusal(**wish)
    assert refused.code == code
    assert refused.detail.endswith((".", "?"))
    assert not SignUp.objects.exists()


def test_a_closed_region_takes_no_trials_and_the_others_are_named() -> None:
    change_offer(actor=ADMIN, places=5, closed_regions=["eu-central-1"], is_open=True)
    refused = refusal()
    assert (refused.code, refused.errors[0].field) == ("region_closed", "region")
    assert "us-east-1" in refused.detail
    assert ask(region="us-east-1").sign_up.state == "pending"


def test_nobody_signs_up_while_trials_are_closed() -> None:
    change_offer(actor=ADMIN, places=5, closed_regions=[], is_open=False)
    assert refusal().code == "trials_closed"


def test_one_network_asks_so_often_in_an_hour_and_not_more(settings: Settings) -> None:
    settings.TRIAL_SIGN_UPS_PER_NETWORK = 3
    for number in range(3):
        ask(f"ada{number}@e{number}.example", client=f"203.0.113.{number}")
    refused = refusal(email="eve@e9.example", client="203.0.113.200")
    assert (refused.code, refused.status, refused.retry_after_seconds) == ("too_many_sign_ups", 429, 3600)
    assert ask("eve@e9.example", client="203.0.114.1").sign_up.state == "pending"
    with time_machine.travel(utcnow() + timedelta(minutes=61)):
        assert ask("eve@e8.example", client="203.0.113.200").sign_up.state == "pending"


def test_one_domain_asks_so_often_but_a_public_one_as_often_as_it_likes(settings: Settings) -> None:
    settings.TRIAL_SIGN_UPS_PER_DOMAIN = 2
    for number in range(2):
        ask(f"ada{number}@engine.example", client=f"203.0.{number}.1")
        ask(f"ada{number}@gmail.com", client=f"203.1.{number}.1")
    assert refusal(email="ada9@engine.example", client="203.0.9.1").code == "too_many_sign_ups"
    assert ask("ada9@gmail.com", client="203.1.9.1").sign_up.state == "pending"


def test_one_person_is_written_to_three_times_and_answered_always() -> None:
    for number in range(5):
        assert ask(f"ada+{number}@engine.example", client=f"203.0.{number}.1").sign_up.state == "pending"
    assert len(letters()) == 3


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [
        ("email", "A.D.A+x@gmail.com"),
        ("domain", "gmail.com"),
        ("network", "203.0.113.0/24"),
        ("company", "*engine*"),
    ],
)
def test_a_rule_keeps_somebody_out_until_it_is_lifted(kind: str, pattern: str) -> None:
    rule = add_rule(actor=ADMIN, kind=kind, pattern=pattern, why="mining", expires_at=None)
    asked = ask("ada@gmail.com")
    assert (asked.sign_up.state, asked.sign_up.reason) == ("rejected", "not_eligible")
    assert letters() == []
    lift_rule(actor=ADMIN, rule_id=rule.id)
    assert ask("ada@gmail.com", client="203.0.113.8").sign_up.state == "pending"
    assert AuditEvent.objects.filter(action__startswith="trial.rule").count() == 2


def test_a_rule_ends_by_itself() -> None:
    soon = utcnow() + timedelta(days=1)
    add_rule(actor=ADMIN, kind="domain", pattern="engine.example", why="mining", expires_at=soon)
    assert ask("ada@mail.engine.example").sign_up.state == "rejected"
    with time_machine.travel(utcnow() + timedelta(days=2)):
        assert ask("ada@mail.engine.example").sign_up.state == "pending"


def test_a_rule_that_is_over_is_forgotten_with_the_address_and_may_be_made_anew() -> None:
    soon = utcnow() + timedelta(days=1)
    for pattern, ends in (
        ("eve@example.org", soon),
        ("mallory@example.org", soon),
        ("trent@example.org", None),
    ):
        add_rule(actor=ADMIN, kind="email", pattern=pattern, why="mining", expires_at=ends)
    tick()
    assert Rule.objects.count() == 3
    with time_machine.travel(utcnow() + timedelta(days=2)):
        add_rule(actor=ADMIN, kind="email", pattern="eve@example.org", why="again", expires_at=None)
        tick()
    assert sorted(Rule.objects.values_list("shown", "why")) == [
        ("eve@example.org", "again"),
        ("trent@example.org", "mining"),
    ]
    assert "mallory" not in str(list(AuditEvent.objects.values_list("changes", flat=True)))


@pytest.mark.parametrize(
    ("kind", "pattern"),
    [("network", "everywhere"), ("email", "x"), ("domain", "org"), ("company", "*"), ("planet", "mars")],
)
def test_a_rule_that_means_nothing_or_everybody_is_refused(kind: str, pattern: str) -> None:
    with pytest.raises(Refused) as refused:
        add_rule(actor=ADMIN, kind=kind, pattern=pattern, why="x", expires_at=None)
    assert refused.value.code == "rule_invalid"


def test_only_platform_admins_make_rules(world: World) -> None:
    for actor in (world.sam.actor, world.alice.actor):
        with pytest.raises(Refused) as refused:
            add_rule(actor=actor, kind="domain", pattern="engine.example", why="x", expires_at=None)
        assert refused.value.status == 403


def test_work_is_asked_for_where_the_setting_says_so_and_counts_for_one_address(settings: Settings) -> None:
    settings.TRIAL_CHECK, settings.TRIAL_WORK_BITS = "proof_of_work", 8
    asked = refusal()
    assert asked.code == "challenge_required"
    challenge = asked.errors[0].detail
    assert refusal(challenge="1:0:9999999999:x:y:0").code == "challenge_required"
    assert refusal(challenge=challenge + ":x").code == "challenge_required"
    answer = solve(challenge)
    assert refusal(email="eve@engine.example", challenge=answer).code == "challenge_required"
    with time_machine.travel(utcnow() + timedelta(minutes=11)):
        assert refusal(challenge=answer).code == "challenge_required"
    assert ask(challenge=answer).sign_up.state == "pending"


def test_a_link_works_for_a_day(world: World) -> None:
    assert world.landscape.accepting
    asked = ask()
    token = token_to("ada@engine.example")
    with time_machine.travel(utcnow() + timedelta(hours=25)):
        with pytest.raises(Refused) as refused:
            confirm(token)
        found = read_status(asked.sign_up.id, asked.secret)
    assert refused.value.code == "link_invalid"
    assert found is not None
    assert (found.status, found.reason) == ("rejected", "not_confirmed")


def test_status_is_for_who_has_the_secret() -> None:
    asked, other = ask(), ask("bob@other.example")
    assert read_status(asked.sign_up.id, other.secret) is None
    assert read_status(asked.sign_up.id, "") is None
    assert read_status(None, asked.secret) is None
    found = read_status(asked.sign_up.id, asked.secret)
    assert found is not None
    assert found.status == "pending_verification"


def test_regions_on_offer_are_the_plans_without_the_closed_ones() -> None:
    assert [name for name, _ in offer.open_regions()] == ["eu-central-1", "us-east-1", "ap-southeast-1"]
