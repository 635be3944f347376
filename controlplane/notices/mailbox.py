"""Where mail goes in the demo: into a table that a page shows, and its links into the log. No other installation has it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import structlog
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.mail import EmailMessage, EmailMultiAlternatives
from django.core.mail.backends.base import BaseEmailBackend

from controlplane.kernel.clock import utcnow
from controlplane.notices.models import Mail

log = structlog.get_logger(__name__)

KEPT = 2000
_LINK = re.compile(r"https?://[^\s<>\"]+")


class MailboxBackend(BaseEmailBackend):
    """Keeps messages in the database; refuses outside the embedded stack, where real people wait for them."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Keep every message, and print its links."""
        if not settings.EMBEDDED:
            raise ImproperlyConfigured("EMAIL_URL=mailbox: is the demo's; name a mail server.")
        for message in email_messages:
            _keep(message)
        return len(email_messages)


class UnsetBackend(BaseEmailBackend):
    """Stands where no mail server was named: messages stay in the outbox, and the log says why."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Raise ConnectionError, which is tried again later."""
        raise ConnectionError(
            "EMAIL_URL is not set: name a mail server, for example smtp+tls://user:password@host:587."
        )


def _keep(message: EmailMessage) -> None:
    message.message()  # refuses line breaks in headers, as a server's backend does
    alternatives = message.alternatives if isinstance(message, EmailMultiAlternatives) else []
    html = next((str(part[0]) for part in alternatives if part[1] == "text/html"), "")
    text, to = str(message.body), ", ".join(message.to)
    Mail.objects.create(
        at=utcnow(),
        sender=message.from_email,
        to=to[:320],
        subject=message.subject[:300],
        text=text,
        html=html,
    )
    for over in Mail.objects.order_by("-id").values_list("pk", flat=True)[KEPT : KEPT + 1]:
        Mail.objects.filter(pk__lte=over).delete()
    log.info("mail", to=to, subject=message.subject, links=_LINK.findall(text), see="/mailbox")
