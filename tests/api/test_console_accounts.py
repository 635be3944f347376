"""The accounts page."""

from __future__ import annotations

import pytest

from controlplane.tenants.models import Account
from tests.signed_in import browse, build, present, text
from tests.world import World

pytestmark = pytest.mark.django_db


def test_accounts_are_listed_with_the_number_of_their_runtimes(world: World) -> None:
    build(world)
    present(world.lab)
    page = text(browse(world.alice).get("/accounts/"))
    assert "Lab lab Active 0" in page
    assert "Shop shop Active 1" in page


def test_an_admin_opens_one(world: World) -> None:
    client = browse(world.alice)
    assert client.post("/accounts/", {"name": "Online shop", "slug": "online"}).status_code == 302
    assert Account.objects.get(slug="online").name == "Online shop"


@pytest.mark.parametrize(
    ("form", "field"),
    [({"name": "Shop", "slug": "Not OK"}, "slug"), ({"name": "", "slug": "fine"}, "name")],
)
def test_a_faulty_form_is_told_at_its_field(world: World, form: dict[str, str], field: str) -> None:
    answer = browse(world.alice).post("/accounts/", form)
    assert answer.status_code == 422
    assert f'href="#f-{field}"' in answer.content.decode()
    assert list(Account.objects.values_list("slug", flat=True)) == ["shop"]


@pytest.mark.parametrize("who", ["vera", "sam"])
def test_others_look_only(world: World, who: str) -> None:
    present(world.shop)
    client = browse(getattr(world, who))
    assert "Open an account" not in text(client.get("/accounts/"))
    assert client.post("/accounts/", {"name": "X", "slug": "xx"}).status_code == 403


def test_the_platform_s_team_sees_every_tenant_s(world: World) -> None:
    present(world.shop)
    present(world.main)
    page = text(browse(world.sam).get("/accounts/"))
    assert "Archipel" in page
    assert "Basalt" in page
