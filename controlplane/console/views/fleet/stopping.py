"""The emergency stop: one press of the button on every page of the fleet; with a reason of one's own, on a page before it."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from controlplane.console.pages import page
from controlplane.console.views.fleet.frame import Asked, ask, manager_of, reason_field
from controlplane.console.visitor import ConsoleRequest
from provisioner.rollouts import services
from provisioner.rollouts.listing import engaged_stop

USUAL = "Something is wrong; looking into it"  # also what the button on every page says


@require_http_methods(["GET", "POST"])
@page
def stop(request: ConsoleRequest) -> HttpResponse:
    """Pause every rollout, or release the stop again."""
    actor = manager_of(request)
    engaged = engaged_stop(actor=actor)
    release = request.POST.get("do") == "release" if request.method == "POST" else engaged is not None

    def act() -> str:
        reason = request.POST.get("reason", "")
        if release:
            services.release_stop(actor=actor, reason=reason)
            return "The emergency stop is released. Resume the rollouts one by one: none goes on by itself."
        services.stop_everything(actor=actor, reason=reason)
        return (
            "Everything is stopped: no rollout begins an upgrade, and none is forced, until the stop is released. "
            "Pressed by mistake? Release it, then resume."
        )

    if release:
        words = "Rollouts may start and be resumed again. None goes on by itself: resume each one."
        asked = Asked("Release the emergency stop?", words, "Release it", reverse("console:fleet-rollouts"))
        asked.hidden, asked.fields = [("do", "release")], [reason_field(request, required=False)]
    else:
        words = (
            "Every rollout is paused, and none starts or goes on until the stop is released; upgrades that a release's end "
            "forces wait as well. Upgrades that run may end, and tenants may still upgrade a runtime of their own."
        )
        asked = Asked("Stop every rollout?", words, "Stop everything now", reverse("console:fleet-rollouts"))
        asked.tone, asked.hidden = "danger-solid", [("do", "stop")]
        asked.fields = [
            reason_field(
                request, usual=USUAL, help_="Change it, or just press; others read it on every page."
            )
        ]
    return ask(request, asked, act)
