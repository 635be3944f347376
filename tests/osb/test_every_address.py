"""Every address of the broker as everybody: only a broker's own credential opens any, and only on what is its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client

from controlplane.osb.models import BrokerCredential, OsbBinding, OsbInstance
from controlplane.osb.offer import SERVICE_ID
from controlplane.osb.urls import urlpatterns
from controlplane.tenants.access import SYSTEM, Role
from controlplane.tenants.services import issue_token
from tests.matrix import NO_MEMBER, NOBODY, PLATFORM, Cells, Row, patterns_of, written
from tests.osb.asking import BINDING, INSTANCE, WAIT, Platform, basic, binding_wish, plan_id, stand, wish
from tests.osb.conftest import Cluster
from tests.world import PASSWORD, World, member

pytestmark = pytest.mark.django_db

ONE, BOUND = f"/service_instances/{INSTANCE}", f"/service_instances/{INSTANCE}/service_bindings/{BINDING}"


def nobodys(path: str) -> Row:
    """No person and no token of the API may: the broker knows platforms only."""
    return Row(path, NO_MEMBER, NOBODY)


ROWS: dict[tuple[str, str], Row] = {
    ("catalog", "GET"): nobodys("/catalog"),
    ("instance", "GET"): nobodys(ONE),
    ("instance", "PUT"): nobodys(ONE),
    ("instance", "PATCH"): nobodys(ONE),
    ("instance", "DELETE"): nobodys(ONE),
    ("last-operation", "GET"): nobodys(f"{ONE}/last_operation"),
    ("binding", "GET"): nobodys(BOUND),
    ("binding", "PUT"): nobodys(BOUND),
    ("binding", "DELETE"): nobodys(BOUND),
    ("binding-last-operation", "GET"): nobodys(f"{BOUND}/last_operation"),
}
ADDRESSES = sorted(ROWS)


def served() -> Iterator[tuple[str, str]]:
    for pattern in patterns_of(urlpatterns):
        view: Any = getattr(pattern.callback, "view_class", None)
        yield from (
            (str(pattern.name), name.upper()) for name in view.http_method_names if hasattr(view, name)
        )


def test_every_address_and_method_has_a_row() -> None:
    assert set(served()) == set(ROWS)


@pytest.fixture(autouse=True)
def bound(cf: Platform, cluster: Cluster) -> None:
    stand(cf)
    assert cf.bind().status_code == 201


def sent(platform: Platform, address: tuple[str, str], **headers: str) -> Any:
    name, method = address
    bodies = {
        "PUT": wish() if name == "instance" else binding_wish(),
        "PATCH": {"service_id": SERVICE_ID, "parameters": {"autoScalerMax": 5}},
    }
    ids = {"service_id": SERVICE_ID, "plan_id": plan_id()}
    return platform.ask(method, ROWS[address].path, bodies.get(method), {**WAIT, **ids}, **headers)


def kept() -> list[Any]:
    tables: list[Any] = [OsbInstance, OsbBinding]
    return [written(), [list(table.objects.order_by("pk").values()) for table in tables]]


def test_the_platform_itself_is_let_in(cf: Platform) -> None:
    cells = Cells()
    for address in ADDRESSES:
        with cells.cell(address):
            assert sent(cf, address).status_code in {200, 202}
    cells.all_held(ADDRESSES)


def test_no_person_and_no_token_is_let_in(world: World, cf: Platform) -> None:
    credentials = [""]
    for role in Role:
        person = member(f"a-{role}", world.archipel, role)
        credentials += [
            f"Bearer {person.token}",
            basic(f"a-{role}", PASSWORD),
            basic(f"a-{role}", person.token),
        ]
    for platform_role in PLATFORM:
        _, token = issue_token(actor=SYSTEM, name=platform_role, platform_role=platform_role)
        credentials += [f"Bearer {token}", basic(platform_role, token)]
    cells, before = Cells(), kept()
    for address in ADDRESSES:
        with cells.cell(address):
            for credential in credentials:
                assert sent(cf, address, Authorization=credential).status_code == 401
            assert kept() == before
    cells.all_held(ADDRESSES)


def test_a_session_of_the_console_opens_nothing(world: World) -> None:
    client, cells = Client(), Cells()
    client.force_login(world.alice.user)
    before = kept()
    version = {"X-Broker-API-Version": "2.17"}
    for address in ADDRESSES:
        with cells.cell(address):
            path = "/osb/v2" + ROWS[address].path
            assert client.generic(address[1], path, b"{}", headers=version).status_code == 401
            assert kept() == before
    cells.all_held(ADDRESSES)


@pytest.mark.parametrize("whose", ["of-basalt", "of-nobody"])
def test_another_tenants_platform_finds_nothing(cf: Platform, other: Platform, whose: str) -> None:
    platform = other if whose == "of-basalt" else Platform(None, name="unmapped")
    assert platform.get("/catalog").status_code == 200  # notes when it was used last
    cells, before = Cells(), kept()
    for address in ADDRESSES:
        with cells.cell(address):
            response = sent(platform, address)
            if address != ("instance", "PUT"):  # an order of its own, in its own tenant
                assert kept() == before
            expected = {"catalog": {200}, "instance": {404, 410, 202, 403}}.get(address[0], {404, 410})
            assert response.status_code in expected
            assert "my-shop" not in response.content.decode()
    cells.all_held(ADDRESSES)


def test_a_revoked_credential_opens_nothing(cf: Platform) -> None:
    BrokerCredential.objects.update(revoked_at=cf.row.created_at)
    cells, before = Cells(), kept()
    for address in ADDRESSES:
        with cells.cell(address):
            assert sent(cf, address).status_code == 401
            assert kept() == before
    cells.all_held(ADDRESSES)
