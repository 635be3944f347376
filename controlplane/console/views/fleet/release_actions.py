"""What SREs do with releases in the browser, each after a question: publish, withdraw, point a channel."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.catalog.facts import snapshot
from controlplane.catalog.lives import parts_of, release_before
from controlplane.catalog.plans import ReleaseFacts
from controlplane.catalog.releasing import (
    channel_named,
    point_channel,
    publish_release,
    release_for_actor,
    releases_for,
    withdraw_release,
)
from controlplane.console import fleet_queries
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page
from controlplane.console.presenters import releases as looks
from controlplane.console.views.fleet.frame import Asked, ask, reason_field
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from provisioner.rollouts import reading
from provisioner.rollouts.states import UNDER_WAY
from provisioner.runtimes.counting import by

CRUMB = "Releases"


def publisher_of(request: ConsoleRequest) -> Actor:
    """Return the actor; raises Refused 403 unless it may publish releases."""
    if not request.visitor.may_publish:
        detail = "Only the platform's SREs and admins publish and withdraw releases and point channels."
        raise Refused("forbidden", detail, status=403)
    return request.visitor.actor


@require_http_methods(["GET", "POST"])
@page
def publish(request: ConsoleRequest, key: str) -> HttpResponse:
    """Publish a draft, having seen what it changes."""
    actor = publisher_of(request)
    release = release_for_actor(actor, key)
    before = release_before(release, releases_for(actor))

    def act() -> str:
        publish_release(actor=actor, key=key)
        return f"Release {key} is published. Point a channel at it, or plan a rollout, when it is to be used."

    words = (
        "From now on it never changes, and runtimes may be brought to it. Nobody is upgraded by this alone."
    )
    asked = Asked(f"Publish release {key}?", words, "Publish it", _address(key), f"Release {key}")
    asked.notes = [f"Known issue: {one}" for one in release.known_issues]
    changed = [part for part in parts_of(release, before) if part.change != "same"]
    asked.extra = "console/fleet/_release_changes.html"
    asked.context = {"parts": changed, "before": before, "release": release}
    return ask(request, asked, act)


@require_http_methods(["GET", "POST"])
@page
def withdraw(request: ConsoleRequest, key: str) -> HttpResponse:
    """Let nobody be brought to it any more, for a reason that whoever runs it reads."""
    actor = publisher_of(request)
    release = release_for_actor(actor, key)

    def act() -> str:
        withdraw_release(actor=actor, key=key, reason=request.POST.get("reason", ""))
        return f"Release {key} is withdrawn: nobody is brought to it any more."

    words = "Nobody is brought to it any more, and this can't be taken back. Who runs it stays where it is."
    asked = Asked(
        f"Withdraw release {key}?", words, "Withdraw it", _address(key), f"Release {key}", "danger-solid"
    )
    asked.notes = _in_the_way(actor, release)
    asked.fields = [reason_field(request, help_="One sentence; everybody who runs it reads this.")]
    return ask(request, asked, act)


@require_http_methods(["GET", "POST"])
@page
def point(request: ConsoleRequest, key: str) -> HttpResponse:
    """Let a channel lead to another release."""
    actor = publisher_of(request)
    now = channel_named(key).key
    given = request.POST if request.method == "POST" else request.GET
    chosen = clean(given.get("release", ""))[:63] or now
    today = utcnow().date()
    lines = [looks.line(one, today, {}, {}) for one in releases_for(actor)]
    options = [
        Option(one.release.key, f"{one.release.key} · Kubernetes {one.release.kubernetes_patch}", one.release.key == chosen)
        for one in lines
        if one.usable or one.release.key == now
    ]  # fmt: skip
    field = Field("select", "release", "Release", options=options, required=True, spread=True)
    following = fleet_queries.following(actor, [key])[key]

    def act() -> str:
        _refuse_unknown(chosen)
        point_channel(actor=actor, key=key, release=chosen)
        if chosen == now:
            return f"Channel {key} points to release {chosen} already; nothing has changed."
        return f"Channel {key} points to release {chosen}. Plan a rollout for channel={key} to bring its runtimes there."

    words = (
        f"It points to release {now}. New runtimes that follow it begin with the release that you choose, and rollouts bring the "
        "others there: nobody is upgraded by this alone."
    )
    asked = Asked(
        f"Point channel {key} elsewhere?", words, "Point it there", reverse("console:fleet-releases"), CRUMB
    )
    asked.notes = (
        [f"{_counted(following)} {'follows' if following == 1 else 'follow'} it."] if following else []
    )
    asked.fields = [field]
    onward = _address(chosen) if chosen in snapshot().every_release else ""
    return ask(request, asked, act, onward)


def _refuse_unknown(key: str) -> None:
    """Let a release that is none stand at the form's field, where a path that names none is a page that is not there."""
    if key not in snapshot().every_release:
        raise Refused("release_not_found", "Choose one of the releases that there are.", field="release")


def _in_the_way(actor: Actor, release: ReleaseFacts) -> list[str]:
    """Return what whoever withdraws a release should know before."""
    running = by("release", fleet_queries.standing(actor)).get(release.key, 0)
    pointing = sorted(key for key, one in snapshot().releases.items() if one.key == release.key)
    moving = [
        one.rollout.name
        for one in reading.list_rollouts(actor=actor, release=release.key)
        if one.rollout.state in UNDER_WAY
    ]
    notes = []
    if pointing:
        notes.append(f"Channel {', '.join(pointing)} points to it: point it to another release first.")
    if running:
        notes.append(f"{running} runtime{'' if running == 1 else 's'} run{'s' if running == 1 else ''} it.")
    if moving:
        notes.append(f"Under way to it: {', '.join(moving)}. Pause or abort what is not to go on.")
    return notes


def _counted(number: int) -> str:
    most = fleet_queries.MOST_COUNTED
    return f"More than {most} runtimes" if number > most else f"{number} runtime{'' if number == 1 else 's'}"


def _address(key: str) -> str:
    return reverse("console:fleet-release", args=[key])
