"""Liveness, readiness, metrics, and the last answers: nothing here, and our fault."""

from __future__ import annotations

import sys
from threading import Event

from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.db.utils import Error as DatabaseError
from django.db.utils import OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, generate_latest
from psycopg_pool import PoolTimeout

from controlplane.api.errors import problem_response
from controlplane.tenants.isolation.scopes import platform_scope
from provisioner.landscapes.freshness import stale_landscapes


def live(request: HttpRequest) -> HttpResponse:
    """Answer 200 while the process can answer at all."""
    return HttpResponse("ok\n", content_type="text/plain")


def ready(request: HttpRequest) -> HttpResponse:
    """Answer 200 when the database answers and is migrated, else 503 with the reason.

    A landscape that its observer does not hear is told too, but keeps nobody from being served.
    """
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        waiting = _waiting_migrations()
        stale = [] if waiting else stale_landscapes()
    except DatabaseError:
        return JsonResponse({"ready": False, "reason": "the database does not answer"}, status=503)
    if waiting:
        return JsonResponse({"ready": False, "reason": f"{waiting} migrations wait"}, status=503)
    return JsonResponse({"ready": True, **({"stale_landscapes": stale} if stale else {})})


_migrated = Event()


def _waiting_migrations() -> int:
    # Reading every migration costs 50 ms, and a migrated database stays so: ask until the answer is none.
    if _migrated.is_set():
        return 0
    executor = MigrationExecutor(connection)
    waiting = len(executor.migration_plan(executor.loader.graph.leaf_nodes()))
    if not waiting:
        _migrated.set()
    return waiting


def metrics(request: HttpRequest) -> HttpResponse:
    """Answer with this process's metrics in the Prometheus text format."""
    with platform_scope():  # some of them count every tenant's operations
        return HttpResponse(generate_latest(REGISTRY), content_type=CONTENT_TYPE_LATEST)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400 to what Django itself refuses, such as a host that this installation does not answer for."""
    detail = "The request is malformed, or its Host header names an address that this installation does not answer for."
    return problem_response(request, 400, "bad_request", detail)


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404 as a problem to API clients and as a page to people."""
    if request.path.startswith("/api/"):
        return problem_response(request, 404, "not_found", f"There is nothing at {request.path}.")
    return render(request, "404.html", status=404)


def _unavailable(request: HttpRequest) -> HttpResponse:
    detail = "The database does not answer at the moment; nothing was changed. Try again in a few seconds."
    if request.path.startswith("/api/"):
        response: HttpResponse = problem_response(request, 503, "database_away", detail)
    else:
        context = {"request_id": getattr(request, "request_id", ""), "detail": detail}
        response = HttpResponse(
            render_to_string("503.html", context), status=503
        )  # a request brings a session: SQL
    response["Retry-After"] = "5"
    return response


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500 with the request id and nothing of what went wrong inside; 503 while the database is away."""
    if isinstance(sys.exc_info()[1], OperationalError | PoolTimeout):
        return _unavailable(request)
    if request.path.startswith("/api/"):
        detail = "This is our fault. Try again; if it stays, tell us the request id."
        return problem_response(request, 500, "internal_error", detail)
    return render(request, "500.html", {"request_id": getattr(request, "request_id", "")}, status=500)
