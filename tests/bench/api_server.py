"""The product's own WSGI application, and beside it the bare view that the API's speed is measured against."""

from __future__ import annotations

import json

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import transaction
from django.http import HttpRequest, JsonResponse
from django.urls import include, path
from django.views.decorators.csrf import csrf_exempt

settings.ROOT_URLCONF = __name__
application = get_wsgi_application()


@csrf_exempt
def bare(request: HttpRequest) -> JsonResponse:
    """Insert one row in one transaction."""
    from controlplane.tenants.models import AuditEvent

    body = json.loads(request.body)
    with transaction.atomic():
        row = AuditEvent.objects.create(
            actor="bench", action="bare", target_type="runtime", target_id=body["name"], changes=body
        )
    return JsonResponse({"id": str(row.id)}, status=201)


# Below the application: the product's addresses import models, which are there only once it is built.
urlpatterns = [path("bare", bare), path("", include("controlplane.config.urls"))]
