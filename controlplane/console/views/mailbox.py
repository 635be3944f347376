"""The demo's mailbox: what would have been sent. There is none outside the embedded stack."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.utils.html import urlize
from django.utils.safestring import mark_safe
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from controlplane.notices.models import Mail

SHOWN = 50


@never_cache
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """The newest messages, of everybody or to one address."""
    _refuse_outside_the_demo()
    to = request.GET.get("to", "").replace("\0", "").strip()[:320]
    rows = Mail.objects.filter(to__iexact=to) if to else Mail.objects.all()
    context: dict[str, Any] = {"mails": rows.order_by("-id")[:SHOWN], "to": to}
    return render(request, "console/mailbox/index.html", context)


@never_cache
@require_safe
def message(request: HttpRequest, mail_id: UUID) -> HttpResponse:
    """One message, as text with its links."""
    _refuse_outside_the_demo()
    mail = get_object_or_404(Mail, pk=mail_id)
    body = mark_safe(urlize(mail.text, autoescape=True))  # noqa: S308 - escaped by urlize
    return render(request, "console/mailbox/message.html", {"mail": mail, "body": body})


def _refuse_outside_the_demo() -> None:
    if not settings.EMBEDDED:
        raise Http404
