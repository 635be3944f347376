"""The addresses of every face."""

from __future__ import annotations

from django.urls import include, path

from controlplane.config import health

urlpatterns = [
    path("healthz", health.live, name="healthz"),
    path("readyz", health.ready, name="readyz"),
    path("metrics", health.metrics, name="metrics"),
    path("api/v1/", include("controlplane.api.urls")),
    path("osb/", include("controlplane.osb.urls")),
    path("", include("controlplane.console.urls")),
]

handler400 = "controlplane.config.health.bad_request"
handler404 = "controlplane.config.health.not_found"
handler500 = "controlplane.config.health.server_error"
