"""What every request passes through: an id to find it by, where it came from, and a limit to its size."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.http import HttpRequest, HttpResponse, JsonResponse, UnreadablePostError

from controlplane.config.proxies import TrustedProxies
from controlplane.kernel.ids import uuid7

GetResponse = Callable[[HttpRequest], HttpResponse]
THROWN_AWAY_BYTES = 16 * 2**20  # of a body that is too large; what is larger still breaks off
_CLEAN_ID = re.compile(r"^[A-Za-z0-9._-]{8,64}$")


class RequestIdMiddleware:
    """Give the request an id (the caller's `X-Request-ID` when it is clean), log with it, and answer with it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.headers.get("X-Request-ID", "")
        request_id = given if _CLEAN_ID.match(given) else str(uuid7())
        request.request_id = request_id  # type: ignore[attr-defined]
        with structlog.contextvars.bound_contextvars(request_id=request_id):
            response = self.get_response(request)
        response["X-Request-ID"] = request_id
        return response


class ForwardedMiddleware:
    """Put the client's address into REMOTE_ADDR, for whoever reads it, and forget what untrusted neighbours claim."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response
        try:
            self.proxies = TrustedProxies.read(settings.TRUSTED_PROXIES)
        except ValueError as error:
            raise ImproperlyConfigured(str(error)) from error

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        peer = meta.get("REMOTE_ADDR", "")
        if self.proxies.networks and not self.proxies.believes(peer):
            meta.pop("HTTP_X_FORWARDED_PROTO", None)
        meta["REMOTE_ADDR"] = self.proxies.client(peer, meta.get("HTTP_X_FORWARDED_FOR", ""))
        return self.get_response(request)


def _throw_away(request: HttpRequest, length: int) -> None:
    """Read a body that nobody wants: many clients never see the answer to what they are still sending."""
    left = min(length, THROWN_AWAY_BYTES)
    with suppress(UnreadablePostError):
        while left > 0 and (chunk := request.read(min(left, 65_536))):
            left -= len(chunk)


class BodyLimitMiddleware:
    """Refuse a body larger than BODY_LIMIT_BYTES before anything reads it."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if length.isascii() and length.isdigit() and int(length) > settings.BODY_LIMIT_BYTES:
            limit = settings.BODY_LIMIT_BYTES
            _throw_away(request, int(length))
            return JsonResponse(
                {
                    "type": "about:blank",
                    "title": "Content Too Large",
                    "status": 413,
                    "code": "body_too_large",
                    "detail": f"The body has {length} bytes; send at most {limit} bytes.",
                    "request_id": getattr(request, "request_id", ""),
                },
                status=413,
                content_type="application/problem+json",
            )
        return self.get_response(request)
