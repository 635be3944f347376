"""The product's own WSGI application, and beside it the bare view that the API's speed is measured against."""

from __future__ import annotations

import json
import os
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

# Models: there only once the application is built.
from controlplane.tenants.models import Account  # noqa: E402
from provisioner.runtimes.models import Runtime  # noqa: E402
from tests.bench.without_isolation import take_out  # noqa: E402

if os.environ.get("WITHOUT_ISOLATION"):
    take_out()


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
    row, account = Runtime.objects.earliest("id"), Account.objects.get(tenant__slug="bare")
    columns = ("landscape_id", "plan_id", "region", "labels", "spec", "cluster_spec", "created_by")
    same = {column: getattr(row, column) for column in columns}
    return {"tenant_id": account.tenant_id, "account_id": account.id, **same}


# Below the application: the product's addresses import models, which are there only once it is built.
urlpatterns = [path("bare", bare), path("", include("controlplane.config.urls"))]
