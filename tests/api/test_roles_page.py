"""The reference shows the one table of who may do what, cell by cell, on both of its pages and over the API."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from controlplane.tenants.access import ALLOWED, PLATFORM_ALLOWED, Permission, PlatformRole, Role
from tests.api.asking import Asking, read
from tests.signed_in import browse
from tests.world import World

pytestmark = pytest.mark.django_db
TEAM = [role for role in PlatformRole if role]


def cells_of(page: Any) -> dict[str, list[bool]]:
    """By permission: yes or no for each role of a tenant, then for each of the platform's team."""
    found = {}
    for row in re.findall(r"<tr>(.*?)</tr>", page.content.decode(), re.DOTALL):
        name = re.search(r'<span class="under">([^<]+)</span>', row)
        if name:
            found[name[1]] = [word == "yes" for word in re.findall(r">(yes|no)</span></td>", row)]
    return found


@pytest.mark.parametrize("address", ["/team/roles", "/api/v1/docs/roles"])
def test_every_cell_of_the_page_is_that_of_the_table(world: World, address: str) -> None:
    client = browse(world.vera) if address == "/team/roles" else Client()
    shown = cells_of(client.get(address))
    assert shown.keys() == set(Permission)
    for permission in Permission:
        held = [permission in ALLOWED[role] for role in Role]
        held += [permission in PLATFORM_ALLOWED[role] for role in TEAM]
        assert shown[permission] == held, permission


def test_the_api_tells_the_same() -> None:
    for right in read(Asking().get("/roles"))["permissions"]:
        permission = Permission(right["permission"])
        assert {Role(role) for role in right["roles"]} == {
            role for role in Role if permission in ALLOWED[role]
        }
