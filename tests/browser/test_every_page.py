"""What holds on every page: accessible, narrow enough for a phone, in both looks, without a breach of the content policy."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Literal

import pytest

from controlplane.catalog.models import Entitlement, QuotaRequest
from controlplane.kernel.clock import utcnow
from controlplane.osb.credentials import issue_credential
from controlplane.tenants.access import SYSTEM
from provisioner.operations.models import Operation
from provisioner.rollouts.services import abort_rollout, create_rollout, start_rollout
from provisioner.rollouts.ticking import tick
from provisioner.runtimes.models import Runtime
from tests.browser.axe import violations
from tests.browser.conftest import Complaints, Open
from tests.browser.fitting import WIDE, faults_at_both
from tests.rolling_out import NEW, Upgrades, fleet, no_gates, upgrading
from tests.signed_in import build, present
from tests.trialling import begin_trial
from tests.world import World

pytestmark = pytest.mark.django_db(transaction=True)
BACKGROUND = "getComputedStyle(document.body).backgroundColor"
CONDITIONS = [
    {"type": "APIServerAvailable", "status": "True"},
    {"type": "EveryNodeReady", "status": "False", "message": "1 of 3 nodes is not ready."},
    {"type": "ControlPlaneHealthy", "status": "Progressing", "message": "Rolling."},
    {"type": "SystemComponentsHealthy", "status": "Unknown"},
]

RELEASES = {
    "releases": "/fleet/releases",
    "a release": "/fleet/releases/2026.10.1/",
    "publish a release": "/fleet/releases/2026.12.1/publish",
    "withdraw a release": "/fleet/releases/2026.10.1/withdraw",
    "point a channel": "/fleet/channels/regular?release=2026.11.1",
}


@pytest.fixture
def paths(world: World) -> dict[str, str]:
    """Every page that a person can come to, by name."""
    present(world.lab)
    ready, built, failed, gone = (build(world, name) for name in ("ready", "built", "failed", "gone"))
    Runtime.objects.filter(pk=ready.pk).update(
        status={
            "conditions": CONDITIONS,
            "api_endpoint": "https://api.a-rather-long-name.of-a-runtime.example.org",
        },
        labels={"a-rather-long-label-key/for-a-phone": "with-a-rather-long-value"},
    )
    work = Operation.objects.filter(runtime=built)
    work.update(
        state="waiting", slot="active", finished_at=None, step="await_cluster", progress=43, reason="Waiting"
    )
    Runtime.objects.filter(pk=built.pk).update(phase="provisioning")
    Operation.objects.filter(runtime=failed).update(
        state="failed", error_message="Quota exceeded.", error_audience="tenant"
    )
    Runtime.objects.filter(pk=failed.pk).update(phase="failed", message="Quota exceeded.")
    Runtime.objects.filter(pk=gone.pk).update(phase="deprovisioned", deleted_at=gone.created_at)
    operation = work.get().pk
    begin_trial(world.archipel, ready, owner=world.alice.user)
    credential, _ = issue_credential(
        actor=SYSTEM, tenant=world.archipel, name="A Cloud Foundry with a long name"
    )
    Entitlement.objects.create(
        tenant=world.archipel, plan="aws", runtimes=4, vcpu=300, regions=["eu-central-1"], granted_by="test"
    )
    QuotaRequest.objects.create(
        tenant=world.archipel, runtimes=900, reason="The peak season begins.", requested_by="alice"
    )
    return {
        "list": "/",
        "nothing matches": "/?q=nothing",
        "plans": "/runtimes/new",
        "form": "/runtimes/new?plan=aws",
        "runtime": f"/runtimes/{ready.pk}/",
        "runtime at work": f"/runtimes/{built.pk}/",
        "failed runtime": f"/runtimes/{failed.pk}/",
        "removed runtime": f"/runtimes/{gone.pk}/",
        "change": f"/runtimes/{ready.pk}/change",
        "operations": f"/runtimes/{ready.pk}/operations",
        "labels": f"/runtimes/{ready.pk}/labels",
        "kubeconfig": f"/runtimes/{ready.pk}/kubeconfig",
        "no kubeconfig": f"/runtimes/{built.pk}/kubeconfig",
        "delete": f"/runtimes/{ready.pk}/delete",
        "operation": f"/operations/{operation}/",
        "cancel": f"/operations/{operation}/cancel",
        "accounts": "/accounts/",
        "suspend": f"/runtimes/{ready.pk}/suspend",
        "suspend what never was ready": f"/runtimes/{built.pk}/suspend",
        "resume": f"/runtimes/{ready.pk}/resume",
        "quota": "/quota/",
        "standing of an account": f"/standing/account/{world.lab.pk}",
        "standing of a tenant": f"/standing/tenant/{world.archipel.pk}",
        "service broker": "/broker/",
        "rotate a broker's credential": f"/broker/{credential.pk}/rotate",
        "sign up": "/trial",
        "sign up in a frame": "/trial?embed",
        "sign in with a link": "/trial/sign-in",
        "trial": "/trial/mine",
        "mailbox": "/mailbox",
        "not there": "/nowhere",
    }


def test_axe_finds_nothing_on_any_page_in_either_look_and_none_is_wider_than_a_phone(
    paths: dict[str, str], open_page: Open, complaints: Complaints
) -> None:
    """One walk looks for all of it: to come to a page costs as much as to look at it."""
    complaints.expected.add(404)
    page = open_page("/", user="alice")
    found = {}
    for name, path in paths.items():
        page.set_viewport_size(WIDE)
        page.emulate_media(color_scheme="light")
        page.goto(path)
        if faults := violations(page):
            found[name] = faults
        light = page.evaluate(BACKGROUND)
        page.emulate_media(color_scheme="dark")
        assert page.evaluate(BACKGROUND) != light, name
        if faults := violations(page, colours_only=True):  # nothing but colours changes with the look
            found[f"{name}, dark"] = faults
        if faults := faults_at_both(page):
            found[f"{name}, its room"] = faults
    assert found == {}


def rollouts_of(world: World) -> dict[str, str]:
    """The fleet's pages about rollouts: one halted by its failures, one that ended with some left behind, a draft."""
    present(world.shop, world.landscape)
    rows = fleet(world.shop, [world.landscape], 6)
    plan = no_gates(2, "rest", max_failures="0")
    with upgrading(Upgrades(fails=lambda _: "ERR_INFRA_QUOTA_EXCEEDED")) as upgrades:
        halted, draft, ended = (
            create_rollout(
                actor=world.sam.actor,
                name=name,
                release=NEW,
                selector="account=shop",
                plan=plan,
                overlap=True,
            )
            for name in ("Halted", "Draft", "Ended")
        )
        start_rollout(actor=world.sam.actor, rollout_id=halted.pk)
        tick(clock=utcnow())
        upgrades.end_due(max(due for due, *_ in upgrades.due.values()))
        tick(clock=utcnow())
    start_rollout(actor=world.sam.actor, rollout_id=ended.pk)
    abort_rollout(actor=world.sam.actor, rollout_id=ended.pk, reason="another one is better")
    tick(clock=utcnow())
    here = f"/fleet/rollouts/{halted.pk}"
    return {
        "overview": "/fleet/",
        "rollouts": "/fleet/rollouts",
        "a halted rollout": f"{here}/",
        "its runtimes": f"{here}/targets",
        "retry them": f"{here}/targets/retry?state=failed",
        "an ended rollout": f"/fleet/rollouts/{ended.pk}/",
        "a draft": f"/fleet/rollouts/{draft.pk}/start",
        "a new rollout": "/fleet/rollouts/new",
        "left behind": "/fleet/left-behind",
        "findings": "/fleet/findings",
        "webhooks": "/fleet/webhooks",
        "find": "/fleet/runtimes",
        "a runtime": f"/fleet/runtimes/{rows[0].pk}/",
    }


def test_axe_finds_nothing_on_what_only_the_platforms_team_sees(
    world: World, paths: dict[str, str], open_page: Open
) -> None:
    rollouts = rollouts_of(world)
    page = open_page(paths["operation"], user="sam", width=390)
    assert violations(page) == []
    page.get_by_role("link", name="Skip this step…").click()
    page.get_by_role("heading", name="Skip “Build the cluster”?").wait_for()
    assert violations(page) == []
    page.get_by_label("Why it may be skipped").fill("It was built by hand.")
    page.get_by_role("button", name="Skip the step").click()
    page.get_by_text("Skipped: It was built by hand.").wait_for()
    found = {}
    looks: Iterator[Literal["light", "dark"]] = itertools.cycle(("light", "dark"))
    for name, path in {**RELEASES, **rollouts}.items():
        page.emulate_media(color_scheme=next(looks))  # what pages are made of comes in both
        page.goto(path)
        if faults := violations(page) + faults_at_both(page):
            found[name] = faults
    assert found == {}
    page.goto(rollouts["a halted rollout"])
    page.get_by_role("button", name="Stop everything").click()
    page.get_by_text("The emergency stop is engaged.").wait_for()


def test_axe_finds_nothing_for_strangers_or_on_an_empty_list(world: World, open_page: Open) -> None:
    assert violations(open_page("/sign-in")) == []
    assert violations(open_page("/", user="bob")) == []


def test_axe_finds_nothing_on_a_form_with_faults(
    world: World, open_page: Open, complaints: Complaints
) -> None:
    complaints.expected.add(422)
    present(world.shop)
    page = open_page("/runtimes/new?plan=aws", user="alice")
    page.get_by_role("button", name="Add a worker pool").click()
    page.get_by_role("group", name="Worker pool 1").wait_for()
    page.get_by_role("button", name="Request the runtime").click()
    page.get_by_text("things need a change").wait_for()
    assert violations(page) == []


def test_a_breach_of_the_content_policy_would_be_noticed(open_page: Open, complaints: Complaints) -> None:
    page = open_page("/sign-in")
    page.evaluate("document.body.setAttribute('style', 'color: red')")
    page.evaluate("document.head.append(Object.assign(document.createElement('script'), {textContent: '1'}))")
    while not any("Content Security Policy" in text for text in complaints.found):
        page.wait_for_timeout(50)  # and in the end for the test's own limit
    complaints.found.clear()


def test_a_text_too_pale_would_be_noticed_among_others_and_so_would_one_before_another_ground(
    world: World, open_page: Open
) -> None:
    """Of texts that look alike axe sees one; it must be another as soon as its colour or what is behind it is."""
    page = open_page("/sign-in")
    page.evaluate(
        "for (let n = 0; n < 9; n++) document.querySelector('main').append("
        "Object.assign(document.createElement('p'), {id: `text-${n}`, textContent: 'Alike'}))"
    )
    assert violations(page) == []
    for name, colour in (("color", "#bbbbbb"), ("backgroundColor", "#333333")):
        page.evaluate(f"document.getElementById('text-7').style.{name} = '{colour}'")
        (found,) = violations(page, colours_only=True)
        assert 'id="text-7"' in found
        page.evaluate(f"document.getElementById('text-7').style.{name} = ''")


def test_words_that_run_out_of_a_card_would_be_noticed_though_the_page_is_no_wider(open_page: Open) -> None:
    page = open_page("/sign-in")
    assert faults_at_both(page) == []
    page.evaluate(
        "document.querySelector('main').append(Object.assign(document.createElement('p'), "
        "{className: 'card list', id: 'long', textContent: 'Long '.repeat(400)}))"
    )
    assert faults_at_both(page) == []
    page.evaluate("document.getElementById('long').style.whiteSpace = 'nowrap'")
    found = faults_at_both(page)
    assert [fault.partition(": Long")[0] for fault in found] == ["on a desk: cut off", "on a phone: cut off"]
    page.evaluate("document.getElementById('long').style.overflowX = 'auto'")
    assert faults_at_both(page) == [], "there people can scroll"
