"""The broker's addresses: for every region, and for one."""

from __future__ import annotations

from django.urls import include, path

from controlplane.osb.views import bindings, catalog, instances

app_name = "osb"
# Ids are texts that platforms choose; a slash in one arrives decoded, so the longer addresses stand first.
_INSTANCE = "service_instances/<path:instance>"
_BINDING = f"{_INSTANCE}/service_bindings/<path:binding>"
_v2 = [
    path("catalog", catalog.Catalog.as_view(), name="catalog"),
    path(
        f"{_BINDING}/last_operation", bindings.BindingLastOperation.as_view(), name="binding-last-operation"
    ),
    path(_BINDING, bindings.Binding.as_view(), name="binding"),
    path(f"{_INSTANCE}/last_operation", instances.LastOperation.as_view(), name="last-operation"),
    path(_INSTANCE, instances.Instance.as_view(), name="instance"),
]
urlpatterns = [path("v2/", include(_v2)), path("<str:region>/v2/", include(_v2))]
