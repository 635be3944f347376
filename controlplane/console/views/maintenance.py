"""When upgrades may begin: windows of the week, and times in between in which nothing begins."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, available_timezones

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from controlplane.console import queries
from controlplane.console.fields.problems import Problem, place
from controlplane.console.fields.read import clean
from controlplane.console.fields.tree import Field, Option
from controlplane.console.pages import page, show
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.access import Actor, Permission
from provisioner.rollouts import listing, services
from provisioner.rollouts.deferring import RULE
from provisioner.rollouts.holding import Origin, holding
from provisioner.rollouts.taken import DEFERRAL_WITHIN
from provisioner.rollouts.windows import DAYS, LONGEST_EXCLUSION
from provisioner.runtimes.models import Runtime

RAISED = frozenset({403, 404})
DAY_NAMES = dict(
    zip(DAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)
SHOWN = 50
FORM_MOMENT = "%Y-%m-%dT%H:%M"  # as browsers write a moment


@require_http_methods(["GET", "POST"])
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """What there is, of all runtimes or of the one that the address names, and two forms for more."""
    actor = request.visitor.actor
    runtime = _runtime(request)
    window, exclusion = _window_fields(request), _exclusion_fields(request)
    problems: list[Problem] = []
    adds = request.POST.get("do", "")
    if request.method == "POST":
        try:
            (_add_exclusion if adds == "exclusion" else _add_window)(request, runtime)
        except Refused as refusal:
            if refusal.status in RAISED:
                raise
            problems = place(refusal, exclusion if adds == "exclusion" else window)
        else:
            messages.success(
                request, "Nothing begins then." if adds == "exclusion" else "Upgrades keep to the window."
            )
            return redirect(_address(runtime))
    shown = listing.Shown(runtime_id=runtime.pk if runtime else None, limit=SHOWN)
    context: dict[str, Any] = {
        "runtime": runtime,
        "windows": [(one, _days(one.days)) for one in listing.list_windows(actor=actor, shown=shown)],
        **_inherited(actor, runtime),
        "exclusions": listing.list_exclusions(actor=actor, shown=shown),
        "deferred": listing.deferred(actor=actor, shown=shown),
        "rule": RULE,
        "window_fields": window,
        "exclusion_fields": exclusion,
        "problems": problems,
        "may_change": actor.may(Permission.UPGRADE) or actor.may(Permission.ROLLOUT_MANAGE),
        "most_days": LONGEST_EXCLUSION.days,
        "within_days": DEFERRAL_WITHIN.days,
    }
    return show(request, "maintenance/index.html", context, status=422 if problems else 200)


@require_POST
@page
def remove_window(request: ConsoleRequest, window_id: int) -> HttpResponse:
    """Take a window away."""
    return _remove(request, lambda: services.remove_window(actor=request.visitor.actor, window_id=window_id))


@require_POST
@page
def remove_exclusion(request: ConsoleRequest, exclusion_id: int) -> HttpResponse:
    """Let upgrades begin again in that time."""
    actor = request.visitor.actor
    return _remove(request, lambda: services.remove_exclusion(actor=actor, exclusion_id=exclusion_id))


def _remove(request: ConsoleRequest, act: Callable[[], None]) -> HttpResponse:
    act()
    messages.success(request, "Removed.")
    return redirect(_address(_runtime(request)))


def _add_window(request: ConsoleRequest, runtime: Runtime | None) -> None:
    typed = {name: clean(request.POST.get(name, ""))[:80] for name in ("begin", "end", "time_zone")}
    services.add_window(
        actor=request.visitor.actor,
        owner=_owner(request, runtime),
        days=request.POST.getlist("days"),
        **typed,
    )


def _add_exclusion(request: ConsoleRequest, runtime: Runtime | None) -> None:
    zone = clean(request.POST.get("zone", "")) or "UTC"
    if zone not in available_timezones():
        raise Refused("window_zone", "zone is no time zone; write one such as Europe/Berlin.", field="zone")
    services.add_exclusion(
        actor=request.visitor.actor, owner=_owner(request, runtime), begins_at=_moment(request, "begins_at", zone),
        ends_at=_moment(request, "ends_at", zone), reason=clean(request.POST.get("reason", "")),
    )  # fmt: skip


def _moment(request: ConsoleRequest, name: str, zone: str) -> datetime:
    text = clean(request.POST.get(name, ""))
    try:
        return datetime.strptime(text[:16], FORM_MOMENT).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise Refused(
            "moment_invalid", f"{name} must be a moment such as 2026-12-24T08:00.", field=name
        ) from error


def _inherited(actor: Actor, runtime: Runtime | None) -> dict[str, Any]:
    """Return what holds for a runtime and is not its own."""
    found = holding(actor=actor, runtime_id=runtime.pk) if runtime else None
    if found is None:
        return {"held_windows": [], "held_exclusions": []}
    windows = [one for one in found.windows if one.origin is not Origin.RUNTIME]
    return {
        "held_windows": [(one, _days(one.row.days)) for one in windows],
        "held_exclusions": [one for one in found.exclusions if one.origin is not Origin.RUNTIME],
    }


def _owner(request: ConsoleRequest, runtime: Runtime | None) -> services.Owner:
    """Whose it is to be: the runtime's, or the tenant's (of one plan, or of all); the platform's team's own is everybody's."""
    if runtime is not None:
        return services.Owner(tenant_id=runtime.tenant_id, runtime_id=runtime.pk)
    tenant = request.visitor.tenant
    return services.Owner(
        tenant_id=tenant.pk if tenant else None, plan=clean(request.POST.get("plan", ""))[:63]
    )


def _runtime(request: ConsoleRequest) -> Runtime | None:
    named = request.POST.get("runtime", "") or request.GET.get("runtime", "")
    wanted: UUID | None = parse_uuid(named)
    return queries.the_runtime(request.visitor.actor, wanted) if wanted else None


def _address(runtime: Runtime | None) -> str:
    return reverse("console:maintenance") + (f"?runtime={runtime.pk}" if runtime else "")


def _days(days: list[str]) -> str:
    return (
        "every day"
        if len(days) == len(DAYS)
        else ", ".join(DAY_NAMES[day] for day in days if day in DAY_NAMES)
    )


def _window_fields(request: ConsoleRequest) -> list[Field]:
    post = request.POST
    picked = post.getlist("days") if post.get("do") == "window" else ["sat", "sun"]
    days = [Option(key, title[:3], key in picked) for key, title in DAY_NAMES.items()]
    return [
        Field("checks", "days", "On", options=days, spread=True),
        Field(
            "text",
            "begin",
            "From",
            "On the clock there, such as 02:00.",
            post.get("begin", "02:00"),
            required=True,
        ),
        Field("text", "end", "To", "Up to 24:00.", post.get("end", "06:00"), required=True),
        Field(
            "text",
            "time_zone",
            "Time zone",
            "Such as Europe/Berlin.",
            post.get("time_zone", "UTC"),
            required=True,
        ),
        _plan_field(request),
    ]


def _exclusion_fields(request: ConsoleRequest) -> list[Field]:
    post = request.POST
    about = "A day and a time, such as 2026-12-24T08:00."
    return [
        Field("text", "begins_at", "From", about, post.get("begins_at", ""), required=True),
        Field("text", "ends_at", "To", about, post.get("ends_at", ""), required=True),
        Field(
            "text",
            "zone",
            "In the time zone",
            "Such as Europe/Berlin.",
            post.get("zone", "UTC"),
            required=True,
        ),
        Field(
            "text", "reason", "Why", "Such as a launch, or a freeze.", post.get("reason", ""), required=True
        ),
    ]


def _plan_field(request: ConsoleRequest) -> Field:
    chosen = request.POST.get("plan", "")
    plans = [Option("", "every plan", not chosen)]
    plans += [Option(key, title, key == chosen) for key, title in queries.plan_choices()]
    return Field("select", "plan", "For runtimes of", options=plans)
