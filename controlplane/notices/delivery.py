"""Sends what is due, outside any transaction, and writes down how it went."""

from __future__ import annotations

import json
import smtplib
from datetime import datetime, timedelta
from uuid import UUID

import structlog
from django.core.mail import EmailMultiAlternatives
from django.db import connection, transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.redaction import redact
from controlplane.notices import queries
from controlplane.notices.models import Notice, State
from controlplane.notices.rendering import render
from controlplane.notices.services import CONTEXT
from controlplane.sealing import KeyUnavailable, unseal

log = structlog.get_logger(__name__)

MOST = 20  # of one task: the next one goes on
CLAIM = timedelta(minutes=10)  # twenty servers that hang until EMAIL_TIMEOUT fit into it
ATTEMPTS = 10
FIRST_WAIT = timedelta(seconds=30)
LONGEST_WAIT = timedelta(hours=2)
PERMANENT = range(500, 600)  # SMTP's replies that stay the same when asked again (RFC 5321 §4.2.1)


def deliver_due() -> int:
    """Send what is due and return how many were tried; any number of copies may run."""
    claimed = _claim(utcnow())
    for notice_id in claimed:
        _deliver(notice_id)
    return len(claimed)


@transaction.atomic
def _claim(now: datetime) -> list[UUID]:
    with connection.cursor() as cursor:
        cursor.execute(queries.CLAIM, {"now": now, "claimed_until": now + CLAIM, "most": MOST})
        return [row[0] for row in cursor.fetchall()]


def _deliver(notice_id: UUID) -> None:
    notice = Notice.objects.get(pk=notice_id)
    try:
        _send(notice)
    except Exception as fault:  # whatever a server, a key keeper or a template does, the row must say it
        _note_failure(notice, fault)
        return
    now = utcnow()
    mine = Notice.objects.filter(pk=notice.pk, state=State.QUEUED)
    mine.update(state=State.SENT, sent_at=now, sealed=b"", last_error="")


def _send(notice: Notice) -> None:
    words = unseal(bytes(notice.sealed), context=CONTEXT.format(id=notice.id))
    letter = render(notice.kind, json.loads(words))
    headers = {"Auto-Submitted": "auto-generated", "X-Nesoi-Notice": str(notice.id)}  # RFC 3834 §5
    message = EmailMultiAlternatives(letter.subject, letter.text, to=[notice.to], headers=headers)
    message.attach_alternative(letter.html, "text/html")
    message.send()


def _note_failure(notice: Notice, fault: Exception) -> None:
    dead = notice.attempts >= ATTEMPTS or _is_permanent(fault)
    wait = min(FIRST_WAIT * 2 ** (notice.attempts - 1), LONGEST_WAIT)
    mine = Notice.objects.filter(pk=notice.pk, state=State.QUEUED, attempts=notice.attempts)
    mine.update(
        state=State.FAILED if dead else State.QUEUED,
        next_at=utcnow() + wait,
        last_error=redact(f"{type(fault).__name__}: {fault}")[:300],
    )
    tell = log.error if dead else log.warning
    tell("notice_not_sent", notice=str(notice.id), kind=notice.kind, attempt=notice.attempts, dead=dead,
        reason=redact(str(fault))[:300])  # fmt: skip


def _is_permanent(fault: Exception) -> bool:
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        return all(code in PERMANENT for code, _reason in fault.recipients.values())
    if isinstance(fault, smtplib.SMTPResponseException):
        return fault.smtp_code in PERMANENT and not isinstance(fault, smtplib.SMTPAuthenticationError)
    return not isinstance(fault, OSError | smtplib.SMTPException | KeyUnavailable)
