"""The form behind a new rollout: fields with safe defaults, read into what the services take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from controlplane.catalog.facts import snapshot
from controlplane.catalog.hops import order_of
from controlplane.catalog.plans import ReleaseFacts
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Group, Option
from controlplane.console.views.fleet.stage_rows import USUAL, Row, read_rows, stage_field, typed_rows
from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from provisioner.rollouts.plan import CANARY_SOAK_MINUTES, MAX_CONCURRENCY, MAX_FAILURES

SAFE, APPROVED, ONE, OWN = "safe", "approved", "one", "own"
SHAPES = (
    (SAFE, "5 canaries, 1 %, 10 %, the rest; soaks and a look at their health between"),
    (APPROVED, "5 canaries, an hour's soak, an approval, then the rest"),
    (ONE, "One stage"),
    (OWN, "My own stages, as written below"),
)
PRESETS: Mapping[str, tuple[Row, ...]] = {
    SAFE: USUAL,
    APPROVED: (
        {"name": "canary", "share": "5", "max_failures": "0", "max_concurrency": "5", "soak": str(CANARY_SOAK_MINUTES),
         "approvals": "1"},
        {"name": "rest", "share": "rest"},
    ),
    ONE: ({"name": "everyone", "share": "rest"},),
}  # fmt: skip
# Fields of the services that the form asks for under another name.
ASKED_AS = {"windows": "ignore_windows", "ineligible": "leave", "members": "selector"}
SWITCHES = ("leave", "urgent", "overlap", "ignore_windows", "join")


@dataclass(frozen=True)
class Wish:
    """What a rollout is made of."""

    name: str
    release: str
    selector: str
    plan: dict[str, Any]
    urgent: bool
    overlap: bool
    priority: int


def releases() -> list[ReleaseFacts]:
    """Releases that something can be brought to, the newest first."""
    today = utcnow().date()
    every = snapshot().every_release.values()
    offered = [
        one
        for one in every
        if one.published_at and not one.withdrawn and (one.end_of_life is None or one.end_of_life > today)
    ]
    return sorted(offered, key=order_of, reverse=True)


def usual_wish(query: Mapping[str, str]) -> dict[str, str]:
    """What stands in a fresh form; an address may name the release and the selector."""
    newest = releases()
    release = query.get("release") or (newest[0].key if newest else "")
    return {
        "release": release, "name": f"Release {release}"[:80] if release else "", "selector": query.get("selector", "")[:2000],
        "max_concurrency": str(MAX_CONCURRENCY), "max_failures": str(MAX_FAILURES), "shape": SAFE, "leave": "on", "join": "on",
    }  # fmt: skip


def rows_of(given: Mapping[str, str]) -> list[Row]:
    """The stages as they were filled in, or those of the chosen shape, to begin with."""
    return typed_rows(given) or list(PRESETS.get(given.get("shape", SAFE), USUAL))


def fields_of(given: Mapping[str, str], rows: list[Row]) -> list[Group]:
    """The form as it was filled in."""

    def text(name: str, title: str, about: str, *, required: bool = False, **more: Any) -> Field:
        return Field("text", name, title, about, value=given.get(name, ""), required=required, **more)

    def switch(name: str, title: str, about: str, **more: Any) -> Field:
        return Field("switch", name, title, about, value=name in given, **more)

    offered = [
        Option(one.key, f"{one.key} · Kubernetes {one.kubernetes_patch}", one.key == given.get("release"))
        for one in releases()
    ]
    shapes = [Option(key, title, key == given.get("shape", SAFE)) for key, title in SHAPES]
    many = "A number, or a share such as 10%."
    return [
        Group("what", "What, and for whom", "", [
            Field("select", "release", "Release", options=offered, required=True),
            text("name", "Name", "What people call it.", required=True),
            text("selector", "For which runtimes", "Such as plan=aws region=eu-*,us-east-1 label.tier=gold kubernetes<1.35 "
                 "cohort=10%; all terms must fit. For every runtime write: all.", required=True, spread=True),
        ]),
        Group("how", "How carefully", "", [
            Field("select", "shape", "Stages", options=shapes, spread=True),
            text("max_concurrency", "At once, at most", many, required=True),
            text("max_failures", "May fail", f"{many} Beyond it, the rollout halts.", required=True),
            text("per_region", "At once in each region", "Empty: no limit of its own."),
            text("per_landscape", "At once on each landscape", "Empty: no limit of its own."),
            text("starts_per_minute", "Starts a minute", "Empty: as fast as the limits let it."),
            text("notice_hours", "Notice, in hours",
                 f"How long before the first upgrade its tenants are told. {_usual_notice()}"),
            switch("leave", "Leave behind who cannot come along", "With the reason; otherwise one is enough to refuse it all."),
            switch("join", "Later members join the last stage", "Runtimes that come to fit while it runs.", advanced=True),
            switch("urgent", "Urgent", "Goes before every other rollout.", advanced=True),
            switch("ignore_windows", "Ignore maintenance windows", "Only an urgent one may.", advanced=True),
            switch("overlap", "May share runtimes with other rollouts", "Each then waits for its other one.", advanced=True),
            text("priority", "Priority", "-100 to 100; higher ones go first. Empty: 0.", advanced=True),
        ]),
        Group("stages", "My own stages", "", [stage_field(rows)]),
    ]  # fmt: skip


def _usual_notice() -> str:
    hours = settings.ROLLOUT_NOTICE_HOURS
    if not hours:
        return "0, or empty: not at all."
    return f"0: not at all. Empty: {hours:g}, and not at all where it is urgent."


def read_wish(given: Mapping[str, str], rows: list[Row]) -> Wish:
    """Return what was filled in; raises Refused where something can't be read."""
    plan: dict[str, Any] = {
        "ineligible": "leave" if "leave" in given else "refuse",
        "join": "last_stage" if "join" in given else "none",
        "windows": "ignore" if "ignore_windows" in given else "respect",
    }
    for name in ("max_concurrency", "max_failures"):
        if value := clean(given.get(name, "")):
            plan[name] = value
    for name in ("per_region", "per_landscape"):
        if value := clean(given.get(name, "")):
            plan[name] = {"max_concurrency": value}
    for name, words in (("starts_per_minute", "starts a minute"), ("notice_hours", "hours")):
        if value := clean(given.get(name, "")):
            plan[name] = _number(value, name, words)
    if (
        shape := given.get("shape", SAFE)
    ) != SAFE:  # the safe stages fit themselves to however many there are
        plan["stages"] = read_rows(rows if shape == OWN else list(PRESETS.get(shape, USUAL)))
    priority = clean(given.get("priority", ""))
    return Wish(
        clean(given.get("name", "")), clean(given.get("release", "")), clean(given.get("selector", "")), plan,
        "urgent" in given, "overlap" in given, int(_number(priority, "priority", "priority")) if priority else 0,
    )  # fmt: skip


def examples() -> list[str]:
    """Selectors to choose from while typing: everything, and each plan, channel and Kubernetes version."""
    catalog = snapshot()
    minors = sorted({".".join(one.kubernetes_patch.split(".")[:2]) for one in catalog.every_release.values()})
    return [
        "all", *(f"plan={key}" for key in catalog.plans), *(f"channel={key}" for key in catalog.releases),
        *(f"kubernetes<{minor}" for minor in minors[1:]), "cohort=10%", "label.tier=gold", "region=eu-*",
    ]  # fmt: skip


def _number(text: str, name: str, words: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise Refused("number_invalid", f"{name} must be a number of {words}.", field=name) from error
    if not abs(value) < 1e9:  # noqa: PLR2004 - also refuses what is no number
        raise Refused("number_invalid", f"{name} is out of bounds.", field=name)
    return value
