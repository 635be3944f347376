"""The page of a runtime in a browser: live, and careful about what can't be undone."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from controlplane.kernel.clock import rfc3339, utcnow
from provisioner.operations.flowbook import flow_of
from provisioner.operations.models import Operation
from provisioner.runtimes.models import Runtime
from tests.browser.conftest import Complaints, Open
from tests.signed_in import build
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_the_timeline_moves_on_without_a_reload(world: World, open_page: Open) -> None:
    row = build(world, phase="pending")
    page = open_page(f"/runtimes/{row.pk}/", user="alice")
    page.evaluate("window.same = true")
    operation = Operation.objects.filter(runtime=row)
    now = utcnow()
    done = [{"step": "ensure_cluster", "at": rfc3339(now), "seconds": 2.0}]
    operation.update(
        state="waiting",
        step="await_cluster",
        steps_done=done,
        step_started_at=now,
        reason="Create: waiting for the network",
        progress=30,
    )
    current = page.locator("[aria-current=step]")
    expect(current).to_contain_text("Build the cluster")
    expect(current).to_contain_text("Create: waiting for the network")
    expect(page.locator("#spoken")).to_contain_text(
        f"Step 2 of {len(flow_of('provision').steps)}: Build the cluster"
    )
    operation.update(state="succeeded", slot=None, finished_at=now, progress=100)
    Runtime.objects.filter(pk=row.pk).update(
        phase="ready", status={"api_endpoint": "https://api.checkout.example.org"}
    )
    expect(page.locator("#endpoint")).to_have_text("https://api.checkout.example.org")
    assert page.evaluate("window.same") is True


def test_an_opened_list_of_attempts_stays_open_while_the_page_moves(world: World, open_page: Open) -> None:
    from provisioner.operations.models import OperationAttempt

    row = build(world, phase="pending")
    operation = Operation.objects.get(runtime=row)
    now = utcnow()
    OperationAttempt.objects.create(
        tenant=row.tenant,
        operation=operation,
        step="ensure_cluster",
        number=1,
        fence=1,
        outcome="retry",
        message="Too many requests.",
        started_at=now,
        finished_at=now,
    )
    page = open_page(f"/operations/{operation.pk}/", user="alice")
    page.get_by_text("1 attempt").click()
    expect(page.get_by_text("Too many requests.")).to_be_visible()
    Operation.objects.filter(pk=operation.pk).update(state="waiting", progress=12)
    expect(page.locator("progress").first).to_have_attribute("value", "12")
    expect(page.get_by_text("Too many requests.")).to_be_visible()


def test_a_change_is_seen_before_it_is_saved(world: World, open_page: Open) -> None:
    row = build(world)
    page = open_page(f"/runtimes/{row.pk}/", user="alice")
    page.get_by_role("link", name="Change", exact=True).click()
    expect(page.get_by_label("Region")).to_be_disabled()
    page.get_by_label("Most nodes").fill("9")
    page.get_by_role("button", name="Review the difference").click()
    expect(page.get_by_role("heading", name="Save 1 change?")).to_be_visible()
    expect(page.get_by_role("row", name="Most nodes")).to_contain_text("9 nodes")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved. The change is being carried out.")).to_be_visible()


def test_deleting_wants_the_name(world: World, open_page: Open, complaints: Complaints) -> None:
    complaints.expected.add(422)
    row = build(world)
    page = open_page(f"/runtimes/{row.pk}/", user="alice")
    page.get_by_role("link", name="Delete").click()
    page.get_by_label("Name of the runtime").fill("check")
    page.get_by_role("button", name="Delete the runtime").click()
    expect(page.get_by_role("alert").first).to_contain_text("must be exactly checkout")
    page.get_by_label("Name of the runtime").fill("checkout")
    page.get_by_role("button", name="Delete the runtime").click()
    expect(page.get_by_text("checkout is being removed.")).to_be_visible()
    assert Operation.objects.filter(runtime=row, kind="deprovision").exists()


def test_a_viewer_sees_everything_and_no_button_that_writes(world: World, open_page: Open) -> None:
    row = build(world, phase="pending")
    page = open_page(f"/runtimes/{row.pk}/", user="vera")
    expect(page.get_by_role("heading", name="checkout", level=1)).to_be_visible()
    expect(page.get_by_role("link", name="Kubeconfig")).to_be_visible()  # a viewer's, which reads only
    for name in ("Suspend", "Change", "Delete", "Edit labels", "Pause", "Cancel…"):
        expect(page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))).to_have_count(
            0
        )
