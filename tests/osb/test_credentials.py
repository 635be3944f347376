"""Who manages credentials of the broker, on the console's page and from the machine itself; secrets are shown once."""

from __future__ import annotations

import re
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from controlplane.osb.models import BrokerCredential, BrokerOrganization
from controlplane.tenants.models import AuditEvent
from tests.osb.asking import ORGANIZATION, Platform, basic, stand
from tests.signed_in import browse, text
from tests.world import World

pytestmark = pytest.mark.django_db
SECRET = re.compile(r"nesoi_osb_[A-Za-z0-9_-]{43}")


@pytest.fixture
def page(world: World) -> Client:
    return browse(world.alice)


def secret_of(response: Any) -> str:
    found = SECRET.search(response.content.decode())
    assert found
    return found[0]


def signs_in(username: str, secret: str) -> bool:
    headers = {"Authorization": basic(username, secret), "X-Broker-API-Version": "2.17"}
    return Client().get("/osb/v2/catalog", headers=headers).status_code == 200


def command(*words: str) -> str:
    out = StringIO()
    call_command("broker", *words, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_an_admin_makes_a_credential_and_sees_its_secret_once(page: Client, world: World) -> None:
    made = page.post("/broker/", {"name": "Cloud Foundry"})
    row = BrokerCredential.objects.get()
    assert (row.tenant, row.created_by) == (world.archipel, "alice")
    assert signs_in(row.username, secret_of(made))
    listed = text(page.get("/broker/"))
    assert "Cloud Foundry" in listed
    assert row.username in listed
    assert secret_of(made) not in listed


def test_a_rotation_leaves_time_to_change_over(page: Client, cf: Platform) -> None:
    rotated = page.post(f"/broker/{cf.row.pk}/rotate", {"overlap_hours": "1"})
    assert signs_in(cf.row.username, cf.secret)
    assert signs_in(cf.row.username, secret_of(rotated))
    last = page.post(f"/broker/{cf.row.pk}/rotate", {"overlap_hours": "0"})
    assert not signs_in(cf.row.username, secret_of(rotated))
    assert signs_in(cf.row.username, secret_of(last))


def test_a_second_rotation_never_ends_a_secret_before_its_promised_time(page: Client, cf: Platform) -> None:
    address = f"/broker/{cf.row.pk}/rotate"
    rotated = secret_of(page.post(address, {"overlap_hours": "24"}))
    refused = page.post(address, {"overlap_hours": "24"})
    assert refused.status_code == 422
    assert "It was rotated already" in text(refused)
    with pytest.raises(CommandError, match="rotated already"):
        command("credentials", "rotate", cf.row.username, "--overlap-hours", "24")
    assert signs_in(cf.row.username, cf.secret)
    assert signs_in(cf.row.username, rotated)
    assert "7 days" not in text(page.get(address))


def test_a_revoked_one_signs_in_no_more(page: Client, cf: Platform) -> None:
    assert page.post(f"/broker/{cf.row.pk}/revoke").status_code == 302
    assert not signs_in(cf.row.username, cf.secret)
    assert page.post(f"/broker/{cf.row.pk}/revoke").status_code == 404
    rows = AuditEvent.objects.filter(target_id=cf.row.pk, outcome="done").order_by("id")
    assert [row.action for row in rows] == ["broker.credential.issue", "broker.credential.revoke"]


@pytest.mark.parametrize("name", ["", "   ", "x" * 81, "cf"])
def test_a_name_that_can_not_be_is_said(page: Client, cf: Platform, name: str) -> None:
    assert page.post("/broker/", {"name": name}).status_code == 422
    assert BrokerCredential.objects.count() == 1


def test_an_overlap_that_is_not_offered_is_refused(page: Client, cf: Platform) -> None:
    assert page.post(f"/broker/{cf.row.pk}/rotate", {"overlap_hours": "99999"}).status_code == 422
    assert signs_in(cf.row.username, cf.secret)


def test_the_command_makes_rotates_lists_and_revokes(world: World) -> None:
    secret = command("credentials", "create", "--name", "market", "--tenant", world.archipel.slug)
    username = BrokerCredential.objects.get().username
    assert signs_in(username, secret)
    assert username in command("credentials", "list")
    assert secret not in command("credentials", "list")
    new = command("credentials", "rotate", username, "--overlap-hours", "0")
    assert signs_in(username, new)
    assert not signs_in(username, secret)
    command("credentials", "revoke", username)
    assert not signs_in(username, new)


def test_the_command_maps_organisations_of_a_platform_of_many_tenants(world: World) -> None:
    platform = Platform(None, name="market")
    command("map", platform.row.username, "--organization", ORGANIZATION, "--tenant", world.archipel.slug)
    command("map", platform.row.username, "--organization", ORGANIZATION, "--tenant", world.archipel.slug)
    assert BrokerOrganization.objects.count() == 1
    assert stand(platform).tenant == world.archipel
    with pytest.raises(CommandError, match="another tenant's already"):
        command("map", platform.row.username, "--organization", ORGANIZATION, "--tenant", world.basalt.slug)


@pytest.mark.parametrize(
    "words",
    [
        ("credentials", "create", "--name", "x", "--tenant", "nobody"),
        ("credentials", "rotate", "nobody"),
        ("credentials", "revoke", "nobody"),
        ("map", "nobody", "--organization", "x", "--tenant", "nobody"),
    ],
)
def test_the_command_says_in_one_line_what_is_wrong(words: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        command(*words)
    assert refused.value.returncode == 2
    assert "\n" not in str(refused.value)
