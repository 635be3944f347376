"""What every address of the broker does around its own work: who asks, which version, in whose scope, how it is answered."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import structlog
from django.conf import settings
from django.core.exceptions import RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.decorators import method_decorator
from django.views import View
from django.views.decorators.csrf import csrf_exempt

from controlplane.catalog.facts import snapshot
from controlplane.kernel.errors import Refused
from controlplane.kernel.strict_json import read_object
from controlplane.osb.callers import Caller
from controlplane.osb.credentials import Platform, find_platform, platform_that_was
from controlplane.osb.headers import minor_version, originator, request_identity
from controlplane.osb.refusals import malformed, status_of, word_of
from controlplane.osb.wishes import optional
from controlplane.tenants.addresses import base_of
from controlplane.tenants.audit.denials import note_asker
from controlplane.tenants.isolation.scopes import Scope, scoped

log = structlog.get_logger(__name__)

DATABASE_RETRY_SECONDS = 5
_AUTHORIZATION = re.compile(r"(Basic|Bearer) +([\x21-\x7e]{1,1024})", re.IGNORECASE)
_CHALLENGE = 'Basic realm="nesoi", charset="UTF-8"'
IDENTITY = "X-Broker-API-Request-Identity"


@dataclass(frozen=True)
class Answer:
    """What a view answers with."""

    status: int
    body: Mapping[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@method_decorator(csrf_exempt, name="dispatch")
class BrokerView(View):
    """One address; each method is given the caller and returns an Answer."""

    http_method_names = ["get", "put", "patch", "delete"]
    caller: Caller
    minor: int  # of the version whose fields the platform knows

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Answer, whatever happens, in the specification's shapes."""
        try:
            answer = self._answered(request, kwargs)
        except Refused as refusal:
            answer = self._refused(request, refusal)
        except RequestDataTooBig:
            answer = Answer(413, {"error": "BodyTooLarge", "description": "The body is too large."})
        except (OperationalError, InterfaceError) as error:
            log.warning("the database did not answer", exc_info=error)
            body = {
                "error": "DatabaseUnavailable",
                "description": "Nesoi can't reach its database; try again.",
            }
            answer = Answer(503, body, {"Retry-After": str(DATABASE_RETRY_SECONDS)})
        except Exception:
            log.exception("request failed", view=type(self).__name__)
            body = {"error": "InternalError", "description": "This is our fault; tell us the X-Request-ID."}
            answer = Answer(500, body)
        caller = getattr(self, "caller", None)
        if caller and caller.tenant:  # whose rate limit the platform's next requests count for
            request.tenant_id = caller.tenant.id  # type: ignore[attr-defined]
        response = JsonResponse(dict(answer.body), status=answer.status, headers=dict(answer.headers))
        if answer.status == 304:  # noqa: PLR2004
            response.content = b""
        if identity := request_identity(request.headers.get(IDENTITY)):
            response[IDENTITY] = identity
        response.setdefault("Cache-Control", "no-store")
        return response

    def _answered(self, request: HttpRequest, ids: dict[str, Any]) -> Answer:
        region = ids.pop("region", "")
        platform = _authenticated(request)
        version = request.headers.get("X-Broker-API-Version")
        self.minor = minor_version(version, missing_status=settings.OSB_MISSING_VERSION_STATUS)
        handler = getattr(self, str(request.method).lower(), None)
        if handler is None or request.method not in self.methods():
            raise Refused("method_not_allowed", f"{request.method} is not possible here.", status=405)
        self.caller = self._caller(request, platform, region)
        # Whom the trail names when something is denied.
        request.user = self.caller.actor  # type: ignore[assignment]
        for name, value in ids.items():
            optional({name: value}, name)
        with ExitStack() as held:
            tenant_id = platform.tenant.id if platform.tenant else None
            held.enter_context(scoped(Scope(tenant_id=tenant_id, platform=tenant_id is None)))
            if region and not _is_region(region):
                raise malformed(f"There is no region {region}; use the address without one.")
            answer: Answer = handler(request, held=held, **ids)
            return answer

    def methods(self) -> list[str]:
        """Return what is possible here."""
        return [name.upper() for name in self.http_method_names if hasattr(self, name)]

    def _caller(self, request: HttpRequest, platform: Platform, region: str) -> Caller:
        who = originator(request.headers.get("X-Broker-API-Originating-Identity"))
        return Caller(
            platform=platform,
            tenant=platform.tenant,
            on_behalf_of=str(who or ""),
            request_identity=request_identity(request.headers.get(IDENTITY)),
            request_id=getattr(request, "request_id", ""),
            address=request.META.get("REMOTE_ADDR", ""),
            region=region,
            base=base_of(request),
        )

    def narrow(self, caller: Caller, held: ExitStack) -> Caller:
        """Let the rest of the request see the tenant's rows only, once it is known whose they are."""
        if caller.tenant is not None and self.caller.tenant is None:
            held.enter_context(scoped(Scope(tenant_id=caller.tenant.id)))
        self.caller = caller
        return caller

    def _refused(self, request: HttpRequest, refusal: Refused) -> Answer:
        headers: dict[str, str] = {}
        if refusal.status == 401:  # noqa: PLR2004
            headers["WWW-Authenticate"] = _CHALLENGE
        if refusal.status == 405:  # noqa: PLR2004
            headers["Allow"] = ", ".join(self.methods())
        if refusal.retry_after_seconds is not None:
            headers["Retry-After"] = str(refusal.retry_after_seconds)
        status = status_of(refusal, method=str(request.method))
        if status == 410:  # noqa: PLR2004 - the specification wants it empty
            return Answer(status, {}, headers)
        return Answer(status, {"error": word_of(refusal), "description": refusal.detail}, headers)


def body_of(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Return the JSON object that was sent; raises Refused 400, also when two places name different platforms."""
    body = read_object(request.body)
    context = body.get("context")
    named = context.get("platform") if isinstance(context, dict) else None
    asker = caller.on_behalf_of.partition(":")[0]
    if asker and isinstance(named, str) and named != asker:
        raise malformed("context.platform and X-Broker-API-Originating-Identity name different platforms.")
    return body


def is_asynchronous(request: HttpRequest) -> bool:
    """Whether the platform can wait."""
    return request.GET.get("accepts_incomplete") == "true"


def at_region(caller: Caller, region: str) -> None:
    """Raise Refused 400 when an instance of one region is asked for at the address of another."""
    if caller.region and caller.region != region:
        raise malformed(f"This instance is in region {region}; use the address of that region.")


def _is_region(name: str) -> bool:
    return any(facts.region(name) for facts in snapshot().plans.values())


def _authenticated(request: HttpRequest) -> Platform:
    match = _AUTHORIZATION.fullmatch(request.META.get("HTTP_AUTHORIZATION", "").strip())
    found, password = None, ""
    if match and match[1].lower() == "bearer":
        password = match[2]
        found = find_platform(secret=password, username=None)
    elif match:
        try:
            username, colon, password = base64.b64decode(match[2], validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = username = password = ""
        found = find_platform(secret=password, username=username) if colon else None
    if found is None:
        if was := platform_that_was(secret=password):
            note_asker(request, was)
        detail = "Sign in with a broker credential: basic (user name and secret) or bearer (the secret)."
        raise Refused("unauthorized", detail, status=401)
    return found
