"""Each face's own filters keep another tenant's things away with PostgreSQL's isolation switched off: nobody leans on it."""

from __future__ import annotations

from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection

from controlplane.catalog.facts import load_plan_facts
from controlplane.catalog.quota import Size
from controlplane.tenants.access import Role
from provisioner.lifecycle import kubeconfig
from provisioner.lifecycle.quota import enter
from provisioner.runtimes.models import Runtime
from tests.api.asking import WISH, Asking, problem, read
from tests.api.test_every_console_page import ROWS as PAGES
from tests.api.test_every_console_page import afresh, member_of, sent
from tests.api.test_every_endpoint import ROWS as ENDPOINTS
from tests.matrix import Cells, Row, things_of, written
from tests.osb.asking import INSTANCE, Platform, stand
from tests.osb.conftest import Cluster
from tests.trialling import begin_trial
from tests.world import Person, World, member

pytestmark = pytest.mark.django_db

PROTECTED = "SELECT oid::regclass::text FROM pg_class WHERE relrowsecurity AND relkind IN ('r', 'p')"


@pytest.fixture(autouse=True)
def no_isolation(db: None) -> None:
    """Row-level security off until the test is rolled back."""
    cache.clear()
    with connection.cursor() as cursor:
        cursor.execute(PROTECTED)
        tables = [row[0] for row in cursor.fetchall()]
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")  # what a fixture wrote before is checked now
        for table in tables:
            cursor.execute(f"ALTER TABLE {table} NO FORCE ROW LEVEL SECURITY, DISABLE ROW LEVEL SECURITY")
        cursor.execute("SET CONSTRAINTS ALL DEFERRED")
    assert "runtimes_runtime" in tables


@pytest.fixture
def things(no_isolation: None, world: World) -> dict[str, str]:
    found = things_of(world)
    begin_trial(world.archipel, Runtime.objects.get(pk=found["runtime"]), owner=world.alice.user)
    assert world.main.tenant == world.basalt
    return found


@pytest.fixture
def stranger(world: World) -> Person:
    """Who may do everything, in the other tenant."""
    return member("olaf", world.basalt, Role.OWNER)


def test_without_it_nothing_but_the_filter_is_in_the_way(
    world: World, things: dict[str, str], stranger: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"/runtimes/{things['runtime']}"
    assert Asking(stranger).get(path).status_code == 404
    monkeypatch.setattr("controlplane.api.scope._seen", lambda actor, rows, query: rows)
    assert Asking(stranger).get(path).status_code == 200


def test_the_api_shows_and_changes_nothing(things: dict[str, str], stranger: Person) -> None:
    cells, before = Cells(), written()
    kept = sorted(name for name, row in ENDPOINTS.items() if row.roles and not row.public)
    for endpoint in kept:
        with cells.cell(endpoint):
            row: Row = ENDPOINTS[endpoint]
            cache.clear()
            answer: Any = Asking(stranger).ask(endpoint[1], row.path.format(**things), row.body, {})
            after = written()
            shown = b"".join(answer).decode()
            if "{" in row.path:
                assert answer.status_code == 404, shown
                assert after == before
            else:
                assert not {thing for thing in things.values() if thing in shown}
            assert "Archipel" not in shown
    cells.all_held(kept)


def test_the_console_shows_and_changes_nothing(world: World, things: dict[str, str]) -> None:
    client, cells, before = member_of(world, "basalt", Role.OWNER), Cells(), written()
    for page in sorted(PAGES):
        with cells.cell(page):
            answer = sent(afresh(client), page, things)
            after = written()
            shown = b"".join(answer).decode()
            if "{" in PAGES[page].path:
                assert answer.status_code == 404
                assert after == before
            else:
                assert not {thing for thing in things.values() if thing in shown}
            assert "checkout" not in shown
            if page == ("new-runtime", "POST"):
                assert after == before  # the account that it names is Archipel's
    cells.all_held(sorted(PAGES))


def test_nothing_is_ordered_in_another_tenants_account(world: World, stranger: Person) -> None:
    for account in (str(world.shop.id), "shop"):
        answer = Asking(stranger).post("/runtimes", {**WISH, "account": account})
        assert problem(answer) == (422, "account_unknown")
    assert not Runtime.objects.exists()


def test_a_form_orders_nothing_there_either(world: World) -> None:
    assert world.main.tenant == world.basalt
    client = member_of(world, "basalt", Role.OWNER)
    filled = PAGES["new-runtime", "POST"].body
    for account in (str(world.shop.id), "shop"):
        client.post("/runtimes/new?plan=aws", {**filled, "account": account})
    assert not Runtime.objects.exists()


def test_no_token_is_made_for_another_tenants_service_account(
    things: dict[str, str], stranger: Person
) -> None:
    before = written()
    answer = Asking(stranger).post("/tokens", {"name": "ci", "service_account": things["service_account"]})
    assert answer.status_code in {404, 422}
    assert written() == before


def test_no_filter_and_no_cursor_reaches_there(world: World, stranger: Person) -> None:
    alice, olaf = Asking(world.alice), Asking(stranger)
    theirs = [alice.order(name=f"r{number}")["runtime"] for number in range(2)]
    following = read(alice.get("/runtimes?limit=1"))["next"]
    for path in (
        following, f"/runtimes?account={world.shop.id}", "/runtimes?account=shop", "/runtimes?tenant=archipel",
        f"/runtimes?q={theirs[0]['id']}", f"/operations?runtime={theirs[0]['id']}", "/audit?tenant=archipel",
        "/audit/export?tenant=archipel",
    ):  # fmt: skip
        shown = b"".join(olaf.get(path)).decode()
        assert not [one["id"] for one in theirs if one["id"] in shown], path


def test_the_broker_knows_no_other_platforms_instance(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kubeconfig, "connect", lambda **_: Cluster())
    assert world.landscape.accepting
    stand(Platform(world.archipel))
    other = Platform(world.basalt, name="k8s")
    assert other.fetch().status_code == 404
    assert other.last().status_code == 404
    assert other.bind().status_code == 404
    assert other.fetch_binding().status_code == 404
    assert other.update(parameters={"autoScalerMax": 5}).status_code == 404
    assert other.unbind(instance=INSTANCE).status_code == 410
    assert other.deprovision().status_code == 410
    assert Runtime.objects.get().phase != "deprovisioning"


def test_an_order_finds_no_account_of_another_tenant_to_count_it_in(world: World) -> None:
    """Behind it a constraint keeps a runtime in its account's tenant; this is asked before."""
    facts = load_plan_facts("aws")
    for account in (str(world.shop.id), "shop"):
        asked: dict[str, Any] = {"plan": facts, "region": "eu-central-1", "more": Size()}
        assert enter(tenant_id=world.archipel.id, account=account, **asked) == world.shop
        assert enter(tenant_id=world.basalt.id, account=account, **asked) is None
