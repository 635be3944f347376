"""Addresses of the fleet's pages, behind /fleet/."""

from django.urls import path

from controlplane.console.views.fleet import (
    actions,
    findings,
    left_behind,
    new_rollout,
    overview,
    release_actions,
    releases,
    rollouts,
    runtime,
    runtimes,
    stopping,
    targets,
    webhooks,
)

urlpatterns = [
    path("", overview.index, name="fleet-overview"),
    path("live", overview.live, name="fleet-overview-live"),
    path("stop", stopping.stop, name="fleet-stop"),
    path("rollouts", rollouts.index, name="fleet-rollouts"),
    path("rollouts/new", new_rollout.form, name="fleet-new-rollout"),
    path("rollouts/<uuid:rollout_id>/", rollouts.detail, name="fleet-rollout"),
    path("rollouts/<uuid:rollout_id>/live", rollouts.live, name="fleet-rollout-live"),
    path("rollouts/<uuid:rollout_id>/health", rollouts.health, name="fleet-rollout-health"),
    path("rollouts/<uuid:rollout_id>/targets", targets.index, name="fleet-rollout-targets"),
    path("rollouts/<uuid:rollout_id>/targets/<slug:verb>", actions.steer, name="fleet-rollout-steer"),
    path(
        "rollouts/<uuid:rollout_id>/gates/<int:gate_id>/<slug:how>", actions.gate, name="fleet-rollout-gate"
    ),
    path("rollouts/<uuid:rollout_id>/<slug:verb>", actions.control, name="fleet-rollout-control"),
    path("left-behind", left_behind.index, name="fleet-left-behind"),
    path("left-behind/<uuid:runtime_id>", left_behind.waive, name="fleet-waive"),
    path("left-behind/waivers/<int:waiver_id>/revoke", left_behind.unwaive, name="fleet-unwaive"),
    path("releases", releases.index, name="fleet-releases"),
    path("releases/<str:key>/", releases.detail, name="fleet-release"),
    path("releases/<str:key>/publish", release_actions.publish, name="fleet-publish-release"),
    path("releases/<str:key>/withdraw", release_actions.withdraw, name="fleet-withdraw-release"),
    path("channels/<str:key>", release_actions.point, name="fleet-point-channel"),
    path("findings", findings.index, name="fleet-findings"),
    path("findings/<uuid:finding_id>/waive", findings.waive, name="fleet-waive-finding"),
    path("webhooks", webhooks.index, name="fleet-webhooks"),
    path("webhooks/<uuid:webhook_id>/test", webhooks.test, name="fleet-test-webhook"),
    path("webhooks/<uuid:webhook_id>/remove", webhooks.remove, name="fleet-remove-webhook"),
    path("runtimes", runtimes.index, name="fleet-runtimes"),
    path("runtimes/<uuid:runtime_id>/", runtime.detail, name="fleet-runtime"),
    path("runtimes/<uuid:runtime_id>/live", runtime.live, name="fleet-runtime-live"),
]
