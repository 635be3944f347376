"""The list of runtimes: what is on it, how it is narrowed, paged and kept up to date."""

from __future__ import annotations

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from controlplane.console import queries
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, build, present, text
from tests.world import World

pytestmark = pytest.mark.django_db


def names(client: object, query: str = "") -> list[str]:
    body = client.get(f"/?{query}").content.decode()  # type: ignore[attr-defined]
    return re.findall(r'class="row-link"[^>]*>([^<]+)<', body)


def test_an_empty_list_teaches_and_invites(world: World) -> None:
    page = text(browse(world.alice).get("/"))
    assert "No runtimes yet" in page
    assert "Request your first runtime" in page


def test_a_viewer_sees_no_button_that_writes(world: World) -> None:
    build(world)
    page = text(browse(world.vera).get("/"))
    assert "checkout" in page
    assert "Request a runtime" not in page


def test_another_tenant_s_runtimes_are_never_listed(world: World) -> None:
    present(world.main)
    build(world)
    assert "checkout" not in text(browse(world.bob).get("/"))


def test_the_platform_s_team_sees_every_tenant_with_its_name_and_no_button(world: World) -> None:
    build(world)
    page = text(browse(world.sam).get("/"))
    assert "checkout" in page
    assert "Archipel" in page
    assert "Request a runtime" not in page


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("q=check", ["checkout"]),
        ("q=ireland-nothing", []),
        ("phase=provisioning", ["storefront"]),
        ("plan=gcp", ["storefront"]),
        ("region=eu-central-1", ["checkout"]),
        ("account=lab", ["storefront"]),
        ("label=team%3Dred", ["storefront"]),
        ("label=team", ["storefront"]),
        ("label=team%3Dblue", []),
        ("q=o&plan=aws", ["checkout"]),
        ("phase=nonsense", []),
        ("q=%00", ["storefront", "checkout"]),
    ],
)
def test_filters_in_the_address_narrow_the_list(world: World, query: str, found: list[str]) -> None:
    build(world)
    other = build(
        world,
        "storefront",
        phase="pending",
        plan="gcp",
        account=world.lab.slug,
        parameters={"region": "europe-west3"},
        labels={"team": "red"},
    )
    Runtime.objects.filter(pk=other.pk).update(phase="provisioning")
    assert names(browse(world.alice), query) == found


def test_a_deprovisioned_runtime_is_listed_only_when_asked_for(world: World) -> None:
    row = build(world)
    Runtime.objects.filter(pk=row.pk).update(phase="deprovisioned", deleted_at=row.created_at)
    client = browse(world.alice)
    assert names(client) == []
    assert names(client, "phase=deprovisioned") == ["checkout"]


def test_pages_go_forth_and_back_without_gap_or_double(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queries, "PAGE_SIZE", 2)
    for number in range(5):
        build(world, f"r{number}")
    client = browse(world.alice)

    def follow(body: str, which: str) -> str:
        found = re.search(rf'id="{which}"[^>]*href="([^"]+)"', body)
        return client.get(found.group(1).replace("&amp;", "&")).content.decode() if found else ""

    first = client.get("/").content.decode()
    second = follow(first, "older")
    third = follow(second, "older")
    back = follow(third, "newer")
    seen = [re.findall(r'class="row-link"[^>]*>([^<]+)<', body) for body in (first, second, third, back)]
    assert seen == [["r4", "r3"], ["r2", "r1"], ["r0"], ["r2", "r1"]]
    assert not follow(first, "newer")
    assert not follow(third, "older")


def test_the_number_of_queries_does_not_grow_with_the_list(world: World) -> None:
    client = browse(world.alice)
    build(world, "r0")

    def asked(address: str) -> int:
        with CaptureQueriesContext(connection) as caught:
            client.get(address)
        return len(caught)

    asked("/")
    # Session, its standing, person and membership; runtimes, phases, operations; accounts, catalog, regions, trial.
    assert (asked("/"), asked("/runtimes/live")) == (11, 7)
    for number in range(1, 8):
        build(world, f"r{number}", phase="pending")
    assert (asked("/"), asked("/runtimes/live")) == (11, 7)


def test_a_poll_is_answered_with_nothing_until_something_changes(world: World) -> None:
    row = build(world, phase="pending")
    client = browse(world.alice)
    seen = re.search(r"seen=([0-9a-f]{16})", client.get("/").content.decode())
    assert seen
    address = f"/runtimes/live?seen={seen.group(1)}"
    assert client.get(address).status_code == 204
    Operation.objects.filter(runtime=row).update(progress=40)
    changed = client.get(address)
    assert changed.status_code == 200
    assert 'value="40"' in changed.content.decode()


def test_the_summary_counts_phases_and_leads_to_them(world: World) -> None:
    build(world)
    build(world, "storefront", phase="pending")
    body = browse(world.alice).get("/").content.decode()
    assert 'aria-label="1 pending, 1 ready"' in body
    assert 'href="/?phase=pending"' in body
