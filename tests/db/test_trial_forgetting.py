"""What is left of a trial that is over: after a while no address of its person anywhere, and yet they are known again."""

from __future__ import annotations

import hashlib
from datetime import datetime, timedelta

import pytest
import time_machine
from django.apps import apps
from django.db import connection
from pytest_django import Settings

from controlplane.catalog.models import Entitlement
from controlplane.kernel.clock import utcnow
from controlplane.notices.models import Notice
from controlplane.notices.retention import prune
from controlplane.tenants.access import SYSTEM, Actor, PlatformRole, Role
from controlplane.tenants.models import AuditEvent, Member, Tenant, User
from controlplane.tenants.services import add_member
from controlplane.trials.addresses import read_address
from controlplane.trials.blocklist import add_rule, is_blocked
from controlplane.trials.confirm import confirm
from controlplane.trials.managing import change_offer, reject_trial
from controlplane.trials.models import SignUp, Trial
from controlplane.trials.sign_in import ask_for_link, send_links, use_link
from controlplane.trials.ticking import tick
from provisioner.lifecycle.delete import delete_runtime
from tests.trialling import BASE, ask, settle, token_to, trial_of, try_out
from tests.world import World

ADMIN = Actor("pia", platform_role=PlatformRole.ADMIN)
EMAIL = "ada.lovelace@engine.example"
pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def somewhere_to_build(world: World) -> None:
    assert world.landscape.accepting


def at(moment: datetime, **later: float) -> time_machine.travel:
    return time_machine.travel(moment + timedelta(**later), tick=True)


def removed(email: str = EMAIL) -> Trial:
    """A trial that its owner, who signed in once, ended by deleting its runtime."""
    trial = trial_of(try_out(email))
    ask_for_link(email=email, client="203.0.113.7", base=BASE)
    send_links()
    use_link(token_to(email, "trial-sign-in"), client="203.0.113.7")
    owner = Actor(trial.owner.get_username(), role=Role.OWNER, tenant_id=trial.tenant_id)
    delete_runtime(actor=owner, runtime_id=trial.runtime_id)
    settle(trial.runtime, "deprovisioned")
    with at(utcnow(), minutes=1):
        tick()
    trial.refresh_from_db()
    assert trial.stage == "removed"
    return trial


def whereabouts(text: str) -> list[str]:
    """Every column of every table that holds this text."""
    found = []
    with connection.cursor() as cursor:
        for model in apps.get_models(include_auto_created=True):
            table = model._meta.db_table
            cursor.execute(f'SELECT count(*) FROM "{table}" t WHERE t::text ILIKE %s', [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.append(table)
    return found


def test_after_the_tombstone_the_address_stands_nowhere_and_the_person_is_known_again() -> None:
    trial = removed()
    assert User.objects.get(pk=str(trial.owner_id)).email == EMAIL
    with at(utcnow(), days=31):
        tick()
        prune()
        assert whereabouts("lovelace") == []
        ask(EMAIL, client="10.0.0.1")
        again = confirm(token_to(EMAIL))
    assert (again.trial, again.sign_up.reason) == (None, "trial_exists")
    person = User.objects.get(pk=str(trial.owner_id))
    assert (person.is_active, person.email) == (False, "")
    assert Tenant.objects.get(pk=str(trial.tenant_id)).closed_at is not None
    assert AuditEvent.objects.filter(action="user.forget", target_id=str(trial.owner_id)).count() == 1


def test_the_audit_trail_never_knows_the_address() -> None:
    removed()
    change_offer(actor=ADMIN, places=0, closed_regions=[], is_open=True)
    waiting = trial_of(try_out("lovelace@other.example", client="10.0.0.2"))
    reject_trial(actor=ADMIN, trial_id=waiting.id)
    add_rule(actor=ADMIN, kind="email", pattern="lovelace@third.example", why="mining", expires_at=None)
    assert AuditEvent.objects.filter(action="trial.confirm").count() == 2
    assert "tenants_auditevent" not in whereabouts("lovelace")
    assert AuditEvent.objects.get(action="trial.rule.add").changes["pattern"] == "l…@third.example"


def test_before_that_and_within_half_a_year_nothing_new_begins(settings: Settings) -> None:
    removed()
    with at(utcnow(), days=29):
        tick()
        assert User.objects.filter(email=EMAIL).exists()
    with at(utcnow(), days=179):
        ask(EMAIL, client="10.0.0.1")
        assert confirm(token_to(EMAIL)).trial is None
    with at(utcnow(), days=181):
        tick()
        ask(EMAIL, client="10.0.0.2")
        assert confirm(token_to(EMAIL)).trial is not None


def test_whoever_never_got_a_runtime_may_ask_again() -> None:
    change_offer(actor=ADMIN, places=0, closed_regions=[], is_open=True)
    reject_trial(actor=ADMIN, trial_id=trial_of(try_out(EMAIL)).id)
    assert SignUp.objects.get().email == ""
    ask(EMAIL, client="10.0.0.1")
    assert confirm(token_to(EMAIL)).trial is not None


def test_who_belongs_elsewhere_stays_known(world: World) -> None:
    trial = removed()
    add_member(actor=SYSTEM, tenant=world.archipel, user=trial.owner, role=Role.VIEWER)
    with at(utcnow(), days=31):
        tick()
    assert User.objects.get(pk=str(trial.owner_id)).email == EMAIL
    assert Member.objects.filter(user=trial.owner, tenant=world.archipel).exists()
    assert Trial.objects.get(pk=trial.pk).next_at is None


def test_a_tenant_that_was_granted_more_stays_with_its_owner() -> None:
    trial = removed()
    Entitlement.objects.create(tenant=trial.tenant, plan="aws", runtimes=3, granted_by="pia")
    with at(utcnow(), days=31):
        tick()
    assert User.objects.get(pk=str(trial.owner_id)).email == EMAIL
    assert Tenant.objects.get(pk=str(trial.tenant_id)).closed_at is None


def test_a_person_is_kept_as_a_hash_that_nobody_can_try_out_without_our_key(settings: Settings) -> None:
    plain = hashlib.sha256(b"ada@engine.example").digest()
    ours = read_address("ada@engine.example").person
    assert ours != plain
    settings.TRIAL_PERSON_KEY = "another"
    assert read_address("ada@engine.example").person != ours


def test_notices_go_after_their_days_sent_or_not(settings: Settings) -> None:
    settings.NOTICE_DAYS = 10
    ask("one@engine.example")
    Notice.objects.update(state="failed")
    ask("two@engine.example")
    with at(utcnow(), days=9):
        assert prune() == 0
        ask("three@engine.example", client="10.0.0.1")
    with at(utcnow(), days=11):
        assert prune() == 2
        assert prune() == 0
    assert [notice.to for notice in Notice.objects.all()] == ["three@engine.example"]


def test_of_more_rules_than_a_thousand_every_one_holds() -> None:
    from controlplane.trials.models import Rule

    many = [
        Rule(
            kind=kind,
            pattern=pattern,
            literal=literal,
            shown="x",
            why="x",
            created_by="x",
            created_at=utcnow(),
        )
        for number in range(1100)
        for kind, pattern, literal in (
            ("network", f"10.{number // 256}.{number % 256}.0/24", ""),
            ("company", f"*miner{number:04}*", f"miner{number:04}"),
        )
    ]
    Rule.objects.bulk_create(many)
    assert ask("a@a.example", client="10.4.75.9").sign_up.reason == "not_eligible"
    assert ask("b@b.example", company="The Miner1099 Ltd").sign_up.reason == "not_eligible"
    assert ask("c@c.example", client="10.4.76.9", company="The Miner1100 Ltd").sign_up.reason == ""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE trials_rule")
        cursor.execute(
            "EXPLAIN SELECT pattern FROM trials_rule WHERE kind = 'company' AND literal = ANY(ARRAY['a', 'b'])"
        )
        assert "rule_by_literal" in "\n".join(row[0] for row in cursor.fetchall())


@pytest.mark.parametrize(
    ("pattern", "company", "blocks"),
    [
        ("evil", "Evil", True),
        ("evil", "Evil Inc", False),
        ("evil*", "Evil Inc", True),
        ("*e?il*works", "The Evil Steel Works", True),
        ("*straße*", "An der STRASSE", True),
        ("*[x]*", "Company x", False),
        ("*[x]*", "Company [X]", True),
        ("*a very long literal part*", "With A Very Long Literal Part Inside", True),
    ],
)
def test_a_companys_pattern_means_what_it_says(pattern: str, company: str, blocks: bool) -> None:
    from controlplane.trials.blocklist import Asker

    add_rule(actor=ADMIN, kind="company", pattern=pattern, why="x", expires_at=None)
    assert is_blocked(Asker(read_address("a@a.example"), company, "203.0.113.7")) is blocks


@pytest.mark.parametrize(
    ("pattern", "client", "blocks"),
    [
        ("203.0.113.7", "203.0.113.7", True),
        ("203.0.112.0/23", "203.0.113.7", True),
        ("203.0.113.0/24", "::ffff:203.0.113.7", True),
        ("2001:db8::/32", "2001:db8:1::9", True),
        ("2001:db8::/32", "2001:db9::9", False),
        ("203.0.113.0/24", "unknown", False),
    ],
)
def test_a_networks_rule_holds_for_everything_in_it(pattern: str, client: str, blocks: bool) -> None:
    from controlplane.trials.blocklist import Asker

    add_rule(actor=ADMIN, kind="network", pattern=pattern, why="x", expires_at=None)
    assert is_blocked(Asker(read_address("a@a.example"), "Engine Works", client)) is blocks
