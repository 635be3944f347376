"""The catalog."""

from __future__ import annotations

import hashlib
import json
from contextlib import ExitStack

from django.http import HttpRequest
from django.utils.http import parse_etags

from controlplane.osb.offer import catalog_document
from controlplane.osb.views.base import Answer, BrokerView


class Catalog(BrokerView):
    """What can be ordered."""

    def get(self, request: HttpRequest, *, held: ExitStack) -> Answer:
        """Return the services, or 304 when the platform has this very answer."""
        document = catalog_document(minor=self.minor, region=self.caller.region)
        tag = f'"{hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()[:32]}"'
        headers = {"ETag": tag, "Cache-Control": "no-cache", "Vary": "Authorization, X-Broker-API-Version"}
        known = parse_etags(request.headers.get("If-None-Match", ""))
        if "*" in known or tag in known:
            return Answer(304, {}, headers)
        return Answer(200, document, headers)
