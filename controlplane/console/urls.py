"""The console's addresses."""

from django.urls import path

from controlplane.console.views import (
    accounts,
    change,
    kubeconfig,
    labels,
    new_runtime,
    operations,
    removal,
    runtime,
    runtimes,
    session,
    skip,
)

app_name = "console"
    suspension,
urlpatterns = [
    path("", runtimes.index, name="runtimes"),
    path("runtimes/live", runtimes.live, name="runtimes-live"),
    path("runtimes/new", new_runtime.form, name="new-runtime"),
    path("runtimes/new/size", new_runtime.size, name="new-runtime-size"),
    path("runtimes/<uuid:runtime_id>/", runtime.detail, name="runtime"),
    path("runtimes/<uuid:runtime_id>/live", runtime.live, name="runtime-live"),
    path("runtimes/<uuid:runtime_id>/operations", runtime.operations, name="runtime-operations"),
    path("runtimes/<uuid:runtime_id>/change", change.form, name="change-runtime"),
    path("runtimes/<uuid:runtime_id>/labels", labels.form, name="runtime-labels"),
    path("runtimes/<uuid:runtime_id>/kubeconfig", kubeconfig.form, name="kubeconfig"),
    path("runtimes/<uuid:runtime_id>/delete", removal.form, name="delete-runtime"),
    path("operations/<uuid:operation_id>/", operations.detail, name="operation"),
    path("operations/<uuid:operation_id>/live", operations.live, name="operation-live"),
    path("operations/<uuid:operation_id>/cancel", operations.cancel, name="cancel-operation"),
    path("runtimes/<uuid:runtime_id>/suspend", suspension.suspend, name="suspend-runtime"),
    path("runtimes/<uuid:runtime_id>/resume", suspension.resume, name="resume-runtime"),
    path("operations/<uuid:operation_id>/skip", skip.form, name="skip-step"),
    path("operations/<uuid:operation_id>/<slug:verb>", operations.control, name="control-operation"),
    path("accounts/", accounts.index, name="accounts"),
    path("sign-in", session.sign_in, name="sign-in"),
    path("sign-out", session.sign_out, name="sign-out"),
    path("tenant", session.choose_tenant, name="choose-tenant"),
    path("theme", session.choose_theme, name="choose-theme"),
]
