"""E-mail leaves once per notice, whoever dies, and nobody writes a header through it."""

from __future__ import annotations

import smtplib
import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.mail.backends.locmem import EmailBackend
from django.db import IntegrityError, connection, transaction
from pytest_django import Settings

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import Refused
from controlplane.notices.delivery import ATTEMPTS, deliver_due
from controlplane.notices.models import Mail, Notice, State
from controlplane.notices.rendering import render
from controlplane.notices.services import notify, send_again
from controlplane.tenants.access import SYSTEM

LINK = "https://nesoi.example/trial/confirm/Zx9Qw7eRt5yUi3oPa1s"
WORDS: dict[str, Any] = {"link": LINK, "hours": 24}
NASTY = [
    "ada@example.org\nBcc: all@example.org",
    "ada@example.org\r\nSubject: hi",
    "ada@example.org,eve@example.org",
    "ada@example.org\x00",
    "Ada <ada@example.org>",
    '"a b"@example.org',
    "a" * 300 + "@example.org",
    "ada",
    "",
]


def announce(to: str = "ada@example.org", **changes: Any) -> Notice:
    return notify(**{"to": to, "kind": "trial-verify", "context": WORDS, "tenant_id": None, **changes})


def make_due() -> None:
    Notice.objects.update(next_at=utcnow() - timedelta(seconds=1))


@pytest.fixture(autouse=True)
def server(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch) -> list[Exception]:
    """What the mail server answers next; when the list is empty it takes the message."""
    faults: list[Exception] = []
    takes = EmailBackend.send_messages

    def send(self: EmailBackend, messages: Any) -> int:
        if faults:
            raise faults.pop(0)
        return takes(self, messages)

    monkeypatch.setattr(EmailBackend, "send_messages", send)
    return faults


@pytest.mark.django_db
def test_a_notice_is_sent_with_its_words_which_are_then_forgotten() -> None:
    announce()
    assert deliver_due() == 1
    assert (mail.outbox[0].to, mail.outbox[0].subject) == (["ada@example.org"], "Confirm your Nesoi trial")
    assert LINK in str(mail.outbox[0].body)
    row = Notice.objects.get()
    assert (row.state, bytes(row.sealed)) == (State.SENT, b"")
    assert deliver_due() == 0


@pytest.mark.django_db
def test_what_waits_in_the_outbox_does_not_show_its_link() -> None:
    announce()
    with connection.cursor() as cursor:
        cursor.execute("SELECT notices_notice::text FROM notices_notice")
        stored = bytes.fromhex(cursor.fetchone()[0].split("\\\\x")[1].split('"')[0])
    assert b"trial/confirm" not in stored
    assert LINK.encode() not in bytes(Notice.objects.get().sealed)


@pytest.mark.django_db
def test_the_same_key_is_announced_once() -> None:
    first = announce(dedupe_key="trial:1:reminder:7")
    assert announce(dedupe_key="trial:1:reminder:7").id == first.id
    deliver_due()
    assert announce(dedupe_key="trial:1:reminder:7").id == first.id
    assert deliver_due() == 0
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_nothing_is_sent_for_a_request_that_was_rolled_back() -> None:
    with transaction.atomic():
        announce()
        transaction.set_rollback(True)
    assert deliver_due() == 0


@pytest.mark.django_db
@pytest.mark.parametrize("address", NASTY)
def test_an_address_that_would_write_a_header_is_refused(address: str) -> None:
    with pytest.raises(Refused) as refusal:
        announce(to=address)
    assert refusal.value.code == "email_invalid"
    assert not Notice.objects.exists()


@pytest.mark.django_db
def test_the_database_too_refuses_an_address_with_a_line_break() -> None:
    notice = announce()
    with pytest.raises(IntegrityError), transaction.atomic():
        Notice.objects.filter(pk=notice.pk).update(to="ada@example.org\nBcc: all@example.org")


@pytest.mark.parametrize("given", ["1\nBcc: all@example.org", "1\r\n\r\nbody", "1\u2028x", "1\x00"])
def test_a_subject_stays_one_line_whatever_stands_in_the_context(given: str) -> None:
    subject = render("trial-reminder", {"days": given}).subject
    assert not any(ord(letter) < 32 or letter in "\x7f\u0085\u2028\u2029" for letter in subject)


def test_markup_in_the_context_stays_text() -> None:
    letter = render("trial-known", {"state": "<script>", "link": LINK})
    assert "<script>" not in letter.html
    assert "<script>" in letter.text


@pytest.mark.django_db
def test_a_server_that_is_away_is_tried_again_later(failing: list[Exception]) -> None:
    failing.append(ConnectionRefusedError("no"))
    announce()
    deliver_due()
    row = Notice.objects.get()
    assert (row.state, row.attempts) == (State.QUEUED, 1)
    assert timedelta(seconds=20) < row.next_at - utcnow() < timedelta(seconds=40)
    assert deliver_due() == 0
    make_due()
    deliver_due()
    assert len(mail.outbox) == 1


@pytest.mark.django_db
def test_a_message_becomes_a_dead_letter_after_the_last_attempt_and_can_be_sent_again(
    failing: list[Exception],
) -> None:
    failing += [smtplib.SMTPServerDisconnected("gone")] * ATTEMPTS
    notice = announce()
    for _ in range(ATTEMPTS):
        make_due()
        deliver_due()
    row = Notice.objects.get()
    assert (row.state, row.last_error) == (State.FAILED, "SMTPServerDisconnected: gone")
    make_due()
    assert deliver_due() == 0
    send_again(actor=SYSTEM, notice_id=notice.id)
    deliver_due()
    assert Notice.objects.get().state == State.SENT
    with pytest.raises(Refused, match="could not be sent"):
        send_again(actor=SYSTEM, notice_id=notice.id)


@pytest.mark.django_db
def test_an_address_that_the_server_refuses_for_good_is_not_tried_again(failing: list[Exception]) -> None:
    failing.append(smtplib.SMTPRecipientsRefused({"ada@example.org": (550, b"no such user")}))
    announce()
    deliver_due()
    assert Notice.objects.get().state == State.FAILED


@pytest.mark.django_db
def test_a_worker_that_died_while_sending_is_followed_by_another() -> None:
    announce()
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("controlplane.notices.delivery._deliver", lambda notice_id: None)
        assert deliver_due() == 1
    assert deliver_due() == 0  # its claim holds
    make_due()
    assert deliver_due() == 1
    assert len(mail.outbox) == 1


@pytest.mark.django_db(transaction=True)
def test_four_workers_send_each_notice_once() -> None:
    for number in range(40):
        announce(to=f"ada{number}@example.org")

    def work() -> None:
        try:
            while deliver_due():
                pass
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(message.to[0] for message in mail.outbox) == sorted(
        f"ada{number}@example.org" for number in range(40)
    )


@pytest.mark.django_db
def test_the_demo_keeps_mail_in_its_mailbox(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "controlplane.notices.mailbox.MailboxBackend"
    announce()
    deliver_due()
    assert LINK in Mail.objects.get().text


@pytest.mark.django_db
def test_no_other_installation_has_a_mailbox(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "controlplane.notices.mailbox.MailboxBackend"
    settings.EMBEDDED = False
    announce()
    deliver_due()
    assert not Mail.objects.exists()
    assert Notice.objects.get().state == State.FAILED


@pytest.mark.django_db
def test_without_a_mail_server_messages_wait(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "controlplane.notices.mailbox.UnsetBackend"
    announce()
    deliver_due()
    row = Notice.objects.get()
    assert row.state == State.QUEUED
    assert "EMAIL_URL" in row.last_error
