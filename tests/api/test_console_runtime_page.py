"""The page of a runtime: what it tells, and what it lets whom do."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from controlplane.kernel.clock import utcnow
from controlplane.kernel.ids import uuid7
from provisioner.drivers.base import ClusterRef, Kubeconfig, Role
from provisioner.landscapes.freshness import STALE_AFTER
from provisioner.lifecycle import kubeconfig
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.signed_in import browse, build, hidden_value, present, text
from tests.world import World

pytestmark = pytest.mark.django_db


@pytest.fixture
def row(world: World) -> Runtime:
    return build(world, labels={"team": "blue"})


@pytest.fixture
def alice(world: World) -> Client:
    return browse(world.alice)


def test_it_tells_phase_place_endpoint_parameters_and_history(alice: Client, row: Runtime) -> None:
    page = text(alice.get(f"/runtimes/{row.id}/"))
    for words in (
        "Ready",
        "Shop · Amazon Web Services · eu-central-1",
        "https://api.checkout.example.org",
        "1.34.2",
        "team = blue",
        "Frankfurt (eu-central-1)",
        "Provision Succeeded",
        "Allowed ranges Everyone may connect",
    ):
        assert words in page, words


def test_conditions_are_told_in_plain_language_with_trouble_first(alice: Client, row: Runtime) -> None:
    conditions = [
        {"type": "APIServerAvailable", "status": "True"},
        {"type": "EveryNodeReady", "status": "False", "message": "1 of 3 nodes is not ready."},
        {"type": "SomethingNew", "status": "Odd"},
    ]
    Runtime.objects.filter(pk=row.pk).update(status={"conditions": conditions})
    page = text(alice.get(f"/runtimes/{row.id}/"))
    assert (
        "Not healthy Nodes All machines joined the cluster and take pods. 1 of 3 nodes is not ready." in page
    )
    assert page.index("Nodes") < page.index("API server")
    assert "Unknown SomethingNew" in page


def test_an_open_operation_is_shown_step_by_step_with_what_it_waits_for(world: World, alice: Client) -> None:
    row = build(world, "storefront", phase="pending")
    operation = Operation.objects.get(runtime=row)
    now = utcnow()
    Operation.objects.filter(pk=operation.pk).update(
        state="waiting",
        step="await_cluster",
        steps_done=[{"step": "ensure_cluster", "at": now.isoformat(), "seconds": 2.4}],
        reason="Create: waiting for the network",
        attempts=2,
        progress=43,
        step_started_at=now - timedelta(seconds=75),
        step_deadline=now + timedelta(minutes=30, seconds=5),
    )
    page = text(alice.get(f"/runtimes/{row.id}/"))
    assert "Order the cluster , done 2 s" in page
    assert "Build the cluster , at work 1 min 15 s" in page
    assert "Create: waiting for the network" in page
    assert "Attempt 2" in page
    assert "Gives up in 30 min" in page
    assert "Check access , still to come" in page


def test_it_says_how_long_a_step_usually_takes(world: World, alice: Client) -> None:
    for number, seconds in enumerate((200, 360, 5000)):
        row = build(world, f"earlier-{number}")
        steps = [
            {"step": "ensure_cluster", "at": "2026-01-01T00:00:00Z", "seconds": 2},
            {"step": "await_cluster", "at": "2026-01-01T00:00:00Z", "seconds": seconds},
            {"step": "verify_access", "at": "2026-01-01T00:00:00Z", "seconds": 900, "skipped": "by hand"},
        ]
        Operation.objects.filter(runtime=row).update(steps_done=steps)
    row = build(world, "storefront", phase="pending")
    Operation.objects.filter(runtime=row).update(state="waiting", step="await_cluster", steps_done=[])
    page = text(alice.get(f"/runtimes/{row.id}/"))
    assert "Usually takes about 6 min" in page
    assert "Check access , still to come" in page
    assert page.count("Usually takes") == 1


@pytest.fixture
def long_history(row: Runtime) -> list[str]:
    """The ids of thirty operations of the runtime, newest first."""
    first = Operation.objects.get(runtime=row)
    for _ in range(29):
        first.pk = uuid7()
        first._state.adding = True
        first.save()
    return [str(pk) for pk in row.operations.order_by("-id").values_list("id", flat=True)]


def operations_on(response: Any) -> list[str]:
    return re.findall(r'href="/operations/([0-9a-f-]{36})/"', response.content.decode())


def test_older_operations_are_reached_page_by_page(
    alice: Client, row: Runtime, long_history: list[str]
) -> None:
    page = alice.get(f"/runtimes/{row.id}/").content.decode()
    address = f"/runtimes/{row.id}/operations"
    assert f'href="{address}"' in page
    first = alice.get(address)
    assert operations_on(first) == long_history[:25]
    second = alice.get(f"{address}?after={long_history[24]}")
    assert operations_on(second) == long_history[25:]
    assert f"?after={long_history[24]}" in first.content.decode()
    assert f"?before={long_history[25]}" in second.content.decode()
    assert "Older" not in text(second)
    assert operations_on(alice.get(f"{address}?before={long_history[25]}")) == long_history[:25]


def test_a_page_behind_the_last_operation_leads_back(alice: Client, row: Runtime) -> None:
    address = f"/runtimes/{row.id}/operations"
    assert "There is nothing on this page" in text(alice.get(f"{address}?after={UUID(int=1)}"))
    assert len(operations_on(alice.get(f"{address}?after=nonsense"))) == 1


def test_a_short_history_needs_no_page_of_its_own(alice: Client, row: Runtime) -> None:
    assert "All operations" not in text(alice.get(f"/runtimes/{row.id}/"))


def test_polls_are_answered_only_when_something_changed(alice: Client, row: Runtime) -> None:
    page = alice.get(f"/runtimes/{row.id}/").content.decode()
    seen = re.search(r"seen=([0-9a-f]{16})", page)
    assert seen
    address = f"/runtimes/{row.id}/live?seen={seen.group(1)}"
    assert alice.get(address).status_code == 204
    Runtime.objects.filter(pk=row.pk).update(phase="updating")
    assert "Updating" in text(alice.get(address))


def test_it_takes_a_constant_number_of_queries(alice: Client, row: Runtime) -> None:
    alice.get(f"/runtimes/{row.id}/")
    with CaptureQueriesContext(connection) as caught:
        alice.get(f"/runtimes/{row.id}/live?shows={row.phase}")
    assert len(caught) <= 11


@pytest.mark.parametrize("path", ["", "live", "operations", "change", "labels", "kubeconfig", "delete"])
def test_another_tenant_s_runtime_is_not_there(world: World, row: Runtime, path: str) -> None:
    present(world.main)
    client = browse(world.bob)
    for address in (f"/runtimes/{row.id}/{path}", f"/runtimes/{uuid4()}/{path}"):
        answer = client.get(address)
        assert answer.status_code == 404
        assert "No island here" in text(answer)


@pytest.mark.parametrize("path", ["change", "labels", "delete"])
@pytest.mark.parametrize("who", ["vera", "sam"])
def test_those_who_may_only_look_change_nothing(world: World, row: Runtime, who: str, path: str) -> None:
    client = browse(getattr(world, who))
    page = client.get(f"/runtimes/{row.id}/").content.decode()
    assert f"/{path}" not in page.replace("/change-", "")
    answer = client.post(f"/runtimes/{row.id}/{path}", {"confirm": "checkout", "labels": "a=b"})
    assert answer.status_code == 403
    assert "You may not do this" in text(answer)
    row.refresh_from_db()
    assert (row.generation, row.labels) == (1, {"team": "blue"})


def change_form(row: Runtime, **changes: str) -> dict[str, str]:
    return {
        "generation": "1",
        "parameters.channel": "regular",
        "parameters.machineType": "m6i.large",
        "parameters.autoScalerMin": "3",
        "parameters.autoScalerMax": "20",
        "parameters.modules._branch": "0-yes",
        **changes,
    }


def test_immutable_parameters_are_shown_but_locked(alice: Client, row: Runtime) -> None:
    body = alice.get(f"/runtimes/{row.id}/change").content.decode()
    for name in ("parameters.region", "parameters.networking.pods"):
        tag = re.search(rf'<(?:input|select)[^>]*name="{re.escape(name)}"[^>]*>', body)
        assert tag, name
        assert "disabled" in tag.group(0)


def test_a_change_is_reviewed_before_it_is_saved(alice: Client, row: Runtime) -> None:
    address = f"/runtimes/{row.id}/change"
    form = change_form(row, **{"parameters.autoScalerMax": "30"})
    review = alice.post(address, {**form, "step": "review"})
    assert "Save 1 change?" in text(review)
    assert "Most nodes 20 nodes 30 nodes" in text(review)
    row.refresh_from_db()
    assert row.generation == 1
    assert hidden_value(review, "parameters.autoScalerMax") == "30"
    assert alice.post(address, {**form, "step": "save"}).status_code == 302
    row.refresh_from_db()
    assert row.generation == 2
    assert row.spec["parameters"]["autoScalerMax"] == 30


def test_a_maintenance_window_is_taken_back_by_emptying_it(alice: Client, row: Runtime) -> None:
    address, window = f"/runtimes/{row.id}/change", "parameters.maintenanceWindow"
    days = {f"{window}.days": "Sat", f"{window}.timezone": "UTC"}
    given = change_form(row, **{f"{window}.begin": "01:00", f"{window}.end": "03:00"}, **days)
    assert alice.post(address, {**given, "step": "save"}).status_code == 302
    row.refresh_from_db()
    assert row.spec["parameters"]["maintenanceWindow"]["begin"] == "01:00"
    emptied = {**given, "generation": "2", f"{window}.begin": "", f"{window}.end": " "}
    review = alice.post(address, {**emptied, "step": "review"})
    assert "Maintenance window · Begin 01:00 removed" in text(review)
    assert alice.post(address, {**emptied, "step": "save"}).status_code == 302
    row.refresh_from_db()
    assert "maintenanceWindow" not in row.spec["parameters"]


def test_a_form_without_the_fields_of_a_window_leaves_it_alone(alice: Client, row: Runtime) -> None:
    window = {"begin": "01:00", "end": "03:00", "days": ["Sat"], "timezone": "UTC"}
    spec = {**row.spec, "parameters": {**row.spec["parameters"], "maintenanceWindow": window}}
    Runtime.objects.filter(pk=row.pk).update(spec=spec)
    alice.post(
        f"/runtimes/{row.id}/change",
        {**change_form(row, **{"parameters.autoScalerMax": "9"}), "step": "save"},
    )
    row.refresh_from_db()
    assert row.spec["parameters"]["autoScalerMax"] == 9
    assert row.spec["parameters"]["maintenanceWindow"] == window


def test_nothing_changed_is_said(alice: Client, row: Runtime) -> None:
    answer = alice.post(f"/runtimes/{row.id}/change", {**change_form(row), "step": "review"})
    assert "Nothing differs" in text(answer)


@pytest.mark.parametrize("step", ["review", "save"])
def test_a_change_of_what_somebody_else_changed_meanwhile_is_refused_with_both_values(
    alice: Client, row: Runtime, step: str
) -> None:
    stored = {**row.spec["parameters"], "autoScalerMax": 25}
    Runtime.objects.filter(pk=row.pk).update(generation=2, spec={**row.spec, "parameters": stored})
    form = change_form(row, **{"parameters.autoScalerMax": "30"})
    answer = alice.post(f"/runtimes/{row.id}/change", {**form, "step": step})
    assert answer.status_code == 412
    assert "Somebody changed checkout meanwhile" in text(answer)
    assert "Most nodes 25 nodes 30 nodes" in text(answer)
    row.refresh_from_db()
    assert row.spec["parameters"]["autoScalerMax"] == 25


def test_a_faulty_change_keeps_what_was_typed(alice: Client, row: Runtime) -> None:
    form = change_form(row, **{"parameters.autoScalerMax": "1"})
    answer = alice.post(f"/runtimes/{row.id}/change", {**form, "step": "review"})
    assert answer.status_code == 422
    assert 'href="#f-parameters-autoScalerMax"' in answer.content.decode()


def test_labels_are_edited_without_rebuilding_anything(alice: Client, row: Runtime) -> None:
    before = Operation.objects.count()
    address = f"/runtimes/{row.id}/labels"
    known = hidden_value(alice.get(address), "revision")
    alice.post(address, {"labels": "team=green\n\nstage = live", "revision": known})
    row.refresh_from_db()
    assert row.labels == {"team": "green", "stage": "live"}
    assert Operation.objects.count() == before


def test_labels_that_somebody_changed_meanwhile_are_not_overwritten_unseen(
    alice: Client, row: Runtime
) -> None:
    address = f"/runtimes/{row.id}/labels"
    known = hidden_value(alice.get(address), "revision")
    alice.post(address, {"labels": "team=green", "revision": known})
    late = alice.post(address, {"labels": "stage=live", "revision": known})
    assert late.status_code == 412
    assert "Somebody changed checkout meanwhile, so your labels are not saved" in text(late)
    assert "Its labels now: team=green." in text(late)
    assert "stage=live" in late.content.decode()
    row.refresh_from_db()
    assert row.labels == {"team": "green"}
    again = {"labels": "stage=live", "revision": hidden_value(late, "revision")}
    assert alice.post(address, again).status_code == 302
    row.refresh_from_db()
    assert row.labels == {"stage": "live"}


@pytest.mark.parametrize("known", ["", "none", "9" * 30])
def test_a_label_form_that_knows_no_revision_saves_nothing(alice: Client, row: Runtime, known: str) -> None:
    answer = alice.post(f"/runtimes/{row.id}/labels", {"labels": "a=b", "revision": known})
    assert answer.status_code == 412
    row.refresh_from_db()
    assert row.labels == {"team": "blue"}


def test_deleting_needs_the_name_typed_exactly(alice: Client, row: Runtime) -> None:
    address = f"/runtimes/{row.id}/delete"
    wrong = alice.post(address, {"confirm": "Checkout"})
    assert wrong.status_code == 422
    assert "must be exactly checkout" in text(wrong)
    row.refresh_from_db()
    assert row.phase == "ready"
    assert alice.post(address, {"confirm": "checkout"}).status_code == 302
    assert Operation.objects.filter(runtime=row, kind="deprovision").exists()


def test_a_removed_runtime_says_what_was_removed_and_offers_no_way_to_change_it(
    alice: Client, row: Runtime
) -> None:
    Runtime.objects.filter(pk=row.pk).update(phase="deprovisioned", deleted_at=utcnow())
    answer = alice.get(f"/runtimes/{row.id}/")
    assert "This runtime is removed" in text(answer)
    for path in ("change", "delete", "kubeconfig", "labels"):
        assert f"/runtimes/{row.id}/{path}" not in answer.content.decode()


def test_one_whose_removal_was_asked_for_offers_nothing_that_would_be_refused(
    alice: Client, row: Runtime
) -> None:
    paths = [f"/runtimes/{row.id}/{path}" for path in ("change", "delete", "kubeconfig", "labels", "suspend")]
    assert all(path in alice.get(f"/runtimes/{row.id}/").content.decode() for path in paths)
    alice.post(f"/runtimes/{row.id}/delete", {"confirm": "checkout"})
    row.refresh_from_db()
    assert row.phase == "ready"  # no worker has taken it up
    assert not any(path in alice.get(f"/runtimes/{row.id}/").content.decode() for path in paths)


class Landscape:
    """A driver that hands out a made-up kubeconfig and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[timedelta, Role]] = []

    def credentials(self, cluster: ClusterRef, *, ttl: timedelta, role: Role) -> Kubeconfig:
        self.asked.append((ttl, role))
        return Kubeconfig("apiVersion: v1\n", utcnow() + ttl)


@pytest.fixture
def landscape(monkeypatch: pytest.MonkeyPatch) -> Landscape:
    made = Landscape()
    monkeypatch.setattr(kubeconfig, "connect", lambda *_, **__: made)
    return made


def ask_kubeconfig(client: Client, row: Runtime, **form: str) -> Any:
    return client.post(f"/runtimes/{row.id}/kubeconfig", {"lifetime": "28800", "role": "view", **form})


def test_a_kubeconfig_is_downloaded_with_the_chosen_lifetime_and_role(
    alice: Client, row: Runtime, landscape: Landscape
) -> None:
    answer = ask_kubeconfig(alice, row)
    assert answer["Content-Disposition"] == 'attachment; filename="checkout.yaml"'
    assert answer["Cache-Control"] == "no-store"
    assert answer.content == b"apiVersion: v1\n"
    assert landscape.asked == [(timedelta(hours=8), Role.VIEW)]


def test_a_made_up_lifetime_is_refused(alice: Client, row: Runtime, landscape: Landscape) -> None:
    assert ask_kubeconfig(alice, row, lifetime="999999999").status_code == 422
    assert landscape.asked == []


def test_a_runtime_being_built_has_no_kubeconfig_yet(world: World, alice: Client) -> None:
    row = build(world, "storefront", phase="pending")
    assert "There is nothing to unlock yet" in text(alice.get(f"/runtimes/{row.id}/kubeconfig"))
    answer = ask_kubeconfig(alice, row)
    assert answer.status_code == 422
    assert "once it is ready" in text(answer)


@pytest.mark.parametrize(
    ("phase", "said"),
    [
        ("provisioning", "Watch it being built"),
        ("failed", "could not be built"),
        ("suspended", "as soon as it is resumed"),
        ("deprovisioning", "no kubeconfig opens it any more"),
    ],
)
def test_why_there_is_no_kubeconfig_is_told_as_it_is(
    world: World, alice: Client, phase: str, said: str
) -> None:
    row = build(world, "storefront", phase="pending")
    Runtime.objects.filter(pk=row.pk).update(phase=phase)
    assert said in text(alice.get(f"/runtimes/{row.id}/kubeconfig"))


def test_a_landscape_that_is_not_heard_any_more_is_told(alice: Client, row: Runtime) -> None:
    """Whatever is shown as healthy was so when it was last heard of."""
    said = "Nothing is heard of its landscape since"
    landscapes = type(row.landscape).objects.filter(pk=row.landscape_id)
    landscapes.update(observed_at=utcnow())
    assert said not in text(alice.get(f"/runtimes/{row.id}/"))
    landscapes.update(observed_at=utcnow() - STALE_AFTER - timedelta(seconds=1))
    assert said in text(alice.get(f"/runtimes/{row.id}/"))
    assert said in text(alice.get(f"/runtimes/{row.id}/live"))


def test_what_is_offered_changes_with_the_phase_and_stays_as_it_is_meanwhile(
    world: World, alice: Client
) -> None:
    row = build(world, "storefront", phase="provisioning")
    page = alice.get(f"/runtimes/{row.id}/").content.decode()
    assert f"shows={row.phase}" in page
    address = f"/runtimes/{row.id}/live?shows={row.phase}"
    assert "hx-swap-oob" not in alice.get(address).content.decode()
    Runtime.objects.filter(pk=row.pk).update(phase="ready", first_ready_at=utcnow())
    swapped = alice.get(address).content.decode()
    for place in ("offers", "looking", "release"):
        assert f'id="{place}"' in page
        assert re.search(rf'id="{place}"[^>]* hx-swap-oob="true"', swapped)
    assert "Suspend" not in page
    assert f"/runtimes/{row.id}/suspend" in swapped
    assert 'form="look-form"' not in page
    assert re.search(
        r'<form id="look-form".*<button id="look-again" form="look-form"|form="look-form".*<form id="look-form"',
        swapped,
        re.DOTALL,
    )
