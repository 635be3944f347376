"""The product's own WSGI application, and beside it the bare view that the API's speed is measured against."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

settings.ROOT_URLCONF = __name__
application = get_wsgi_application()

from provisioner.runtimes.models import Runtime  # noqa: E402 - a model: there only once the application is built


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """Insert one row in one transaction: the runtime's own row, so that nothing but the product's work is measured."""
    body = json.loads(request.body)
    row = _pattern()
    with transaction.atomic():
        made = Runtime.objects.create(**row, name=f"bare-{body['name']}", cluster_name=f"bare-{body['name']}")
    return JsonResponse({"id": str(made.id)}, status=201)


@cache
def _pattern() -> dict[str, Any]:
    row = Runtime.objects.earliest("id")
    columns = (
        "tenant_id",
        "account_id",
        "landscape_id",
        "plan_id",
        "region",
        "labels",
        "spec",
        "cluster_spec",
        "created_by",
    )
    return {column: getattr(row, column) for column in columns}


# Below the application: the product's addresses import models, which are there only once it is built.
urlpatterns = [path("bare", bare), path("", include("controlplane.config.urls"))]
