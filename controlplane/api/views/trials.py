"""Trials for strangers: ask for one, ask how it goes. The only endpoints that other websites' pages may call."""

from __future__ import annotations

import re
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_vary_headers
from rest_framework.request import Request
from rest_framework.response import Response

from controlplane.api.contract import contract
from controlplane.api.shapes.trial import TRIAL, TRIAL_CREATE, TRIAL_CREATED, created_json, trial_json
from controlplane.api.views.base import ApiView
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.addresses import base_of
from controlplane.trials.sign_up import Wish, ask_for_trial
from controlplane.trials.status import read_status

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
HEADERS = "Content-Type, Idempotency-Key, X-Trial-Secret"
PREFLIGHT_SECONDS = 600


class PublicView(ApiView):
    """Answers without a token, and other websites where TRIAL_ORIGINS names them; cookies are never looked at."""

    authentication_classes = ()
    permission_classes = ()
    http_method_names = ["get", "head", "post", "options"]

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Response:
        """Answer a browser that asks whether a page may call this."""
        return Response(status=204)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        """Tell the browser which page may read the answer."""
        answer = super().finalize_response(request, response, *args, **kwargs)
        patch_vary_headers(answer, ["Origin"])
        answer["Cache-Control"] = "no-store"
        origin = request.headers.get("Origin", "")
        if origin and origin in settings.TRIAL_ORIGINS:
            answer["Access-Control-Allow-Origin"] = origin
            answer["Access-Control-Expose-Headers"] = "Retry-After, Idempotent-Replayed, X-Request-ID"
            if request.method == "OPTIONS":
                answer["Access-Control-Allow-Methods"] = "GET, POST"
                answer["Access-Control-Allow-Headers"] = HEADERS
                answer["Access-Control-Max-Age"] = str(PREFLIGHT_SECONDS)
        return answer


class TrialList(PublicView):
    """Where a sign-up page sends its form."""

    @contract(
        operation_id="create_trial",
        summary="Ask for a trial",
        tag="trials",
        answers={202: TRIAL_CREATED},
        body=TRIAL_CREATE,
        problems=(403, 429),
        idempotent=True,
        public=True,
    )
    def post(self, request: Request) -> HttpResponse:
        """Send a link to the address; nothing is set up before it is opened."""
        body = self.body(request)
        base = base_of(request)
        key = request.headers.get("Idempotency-Key", "")
        if key and not _KEY.fullmatch(key):
            detail = "Idempotency-Key must be 1 to 255 visible ASCII characters, for example a UUID."
            raise Refused("idempotency_key_invalid", detail, status=400)
        client = request.META.get("REMOTE_ADDR", "")
        asked = ask_for_trial(Wish(**body, client=client, base=base, idempotency_key=key))
        response = Response(created_json(asked, base=base), status=202)
        if asked.replayed and key:
            response["Idempotent-Replayed"] = "true"
        return response


class TrialDetail(PublicView):
    """How it goes."""

    @contract(
        operation_id="read_trial",
        summary="Read how a trial goes",
        tag="trials",
        answers={200: TRIAL},
        problems=(404,),
        secret=True,
        public=True,
    )
    def get(self, request: Request, trial: str) -> Response:
        """Return it to who has the secret; for everybody else there is none."""
        found = read_status(parse_uuid(trial), request.headers.get("X-Trial-Secret", ""))
        if found is None:
            detail = "There is no such trial, or X-Trial-Secret is not its secret."
            raise Refused("trial_not_found", detail, status=404)
        return Response(trial_json(found, base=base_of(request)))
