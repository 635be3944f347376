"""Ask for a trial: nothing but a message comes of it, until its link is opened.

The answer is the same, and takes the same work, whether or not the address is known here: nothing about existing trials is looked
up. Who has the mailbox learns it when they confirm.
"""

from __future__ import annotations

import hashlib
import json
import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime, timedelta

from disposable_email_domains import blocklist as disposable
from django.db import transaction

from controlplane.kernel.clock import utcnow
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.ids import uuid7
from controlplane.notices.services import notify
from controlplane.tenants.isolation.scopes import platform_scope
from controlplane.trials.addresses import Address, read_address
from controlplane.trials.blocklist import Asker, is_blocked
from controlplane.trials.checks.registry import check_in_use
from controlplane.trials.models import SignUp
from controlplane.trials.offer import check_region
from controlplane.trials.secrets import digest_of, is_secret, new_token, secret_of
from controlplane.trials.states import Reason, SignUpState
from controlplane.trials.terms import LINK_LIFE
from controlplane.trials.velocity import may_write_to, network_of

LONGEST_COMPANY = 120
DOUBLE_CLICK = timedelta(minutes=10)
_LINKISH = re.compile(r"://|www\.|[<>\x00-\x1f\x7f]", re.IGNORECASE)
_LOCALE = re.compile(r"[A-Za-z]{2,8}(?:-[A-Za-z0-9]{1,8}){0,4}")  # RFC 5646, in short


@dataclass(frozen=True)
class Wish:
    """What a stranger asks for, from where (`client` is an IP address); `base` is what links begin with."""

    email: str
    company: str
    region: str
    client: str
    base: str
    locale: str = ""
    challenge: str = ""  # the answer to one
    idempotency_key: str = ""


@dataclass(frozen=True)
class Asked:
    """A sign-up, and its secret, which only its asker gets."""

    sign_up: SignUp
    secret: str
    replayed: bool = False


def ask_for_trial(wish: Wish) -> Asked:
    """Take a wish down and write to its address; the same wish again gets the same answer.

    With an Idempotency-Key for as long as the sign-up is kept; without one from the same client within ten minutes. Raises
    Refused: email_invalid, email_disposable, company_invalid, locale_invalid, region_unknown, region_closed, trials_closed,
    challenge_required, too_many_sign_ups 429, idempotency_key_reused.
    """
    address = read_address(wish.email)
    company = _company(wish.company)
    if wish.locale and not _LOCALE.fullmatch(wish.locale):
        raise Refused(
            "locale_invalid", "locale must be a language tag, for example en or pt-BR.", field="locale"
        )
    if _is_disposable(address.domain):
        detail = (
            "Addresses that live for minutes get no trial; use one that you keep, best of your organisation."
        )
        raise Refused("email_disposable", detail, field="email")
    with platform_scope(), transaction.atomic():
        check_region(wish.region)
        return _take_down(wish, address, company)


def _take_down(wish: Wish, address: Address, company: str) -> Asked:
    now = utcnow()
    network = network_of(wish.client)
    fingerprint = _fingerprint(wish, address, company)
    if known := _replay(wish, fingerprint):
        return known
    _pass_check(wish, address)
    writes = may_write_to(address=address, network=network, now=now)
    # Only behind the lock on this network is it certain that a twin of this request is not just being written.
    if known := _replay(wish, fingerprint) or _double_click(wish, fingerprint, now):
        return known
    reason = Reason.NOT_ELIGIBLE if is_blocked(Asker(address, company, wish.client)) else ""
    token = new_token()
    asked = _write(
        wish, address, company, SignUp(link_digest=digest_of(token), reason=reason, created_at=now)
    )
    if writes and not reason:
        words = {
            "link": f"{wish.base}/trial/confirm/{token}",
            "hours": int(LINK_LIFE.total_seconds() // 3600),
        }
        notify(to=address.deliver_to, kind="trial-verify", context=words, tenant_id=None)
    return asked


def _write(wish: Wish, address: Address, company: str, row: SignUp) -> Asked:
    row.id = uuid7()
    secret = secret_of(row.id)
    row.secret_digest = digest_of(secret)
    row.email, row.person = address.deliver_to, address.person
    row.domain, row.organisation = address.domain, address.organisation
    row.company, row.region, row.locale = company, wish.region, wish.locale
    row.address, row.network = wish.client, network_of(wish.client)
    row.idempotency_digest = digest_of(wish.idempotency_key) if wish.idempotency_key else None
    row.fingerprint = _fingerprint(wish, address, company)
    row.state = SignUpState.REJECTED if row.reason else SignUpState.PENDING
    row.expires_at = row.created_at + LINK_LIFE
    row.save(force_insert=True)
    return Asked(row, secret)


def _replay(wish: Wish, fingerprint: bytes) -> Asked | None:
    if not wish.idempotency_key:
        return None
    row = SignUp.objects.filter(idempotency_digest=digest_of(wish.idempotency_key)).first()
    if row is None:
        return None
    if bytes(row.fingerprint) != fingerprint:
        detail = "This Idempotency-Key came with another request before; choose a new key for a new request."
        raise Refused("idempotency_key_reused", detail)
    return Asked(row, secret_of(row.id), replayed=True)


def _double_click(wish: Wish, fingerprint: bytes, now: datetime) -> Asked | None:
    if wish.idempotency_key:
        return None
    same = SignUp.objects.filter(
        person=read_address(wish.email).person, created_at__gt=now - DOUBLE_CLICK, fingerprint=fingerprint,
        address=wish.client, state=SignUpState.PENDING, idempotency_digest__isnull=True,
    )  # fmt: skip
    row = same.order_by("-created_at").first()
    if row is None or not is_secret(secret_of(row.id), row.secret_digest):  # our key was changed in between
        return None
    return Asked(row, secret_of(row.id), replayed=True)


def _pass_check(wish: Wish, address: Address) -> None:
    check = check_in_use()
    subject = address.person.hex()
    if check is None or (wish.challenge and check.passes(subject, wish.challenge)):
        return
    detail = "Solve the challenge that stands in `errors`, and send the request again with its answer as `challenge`."
    fault = FieldError("challenge", "challenge_required", check.challenge(subject))
    raise Refused("challenge_required", detail, errors=[fault])


def _company(text: str) -> str:
    name = " ".join(unicodedata.normalize("NFC", text).split())
    if not 1 <= len(name) <= LONGEST_COMPANY or not name.isprintable() or _LINKISH.search(name):
        detail = f"company must be a name of 1 to {LONGEST_COMPANY} characters, without links."
        raise Refused("company_invalid", detail, field="company")
    return name


def _is_disposable(domain: str) -> bool:
    labels = domain.split(".")
    return any(".".join(labels[start:]) in disposable for start in range(len(labels) - 1))


def _fingerprint(wish: Wish, address: Address, company: str) -> bytes:
    said = [address.deliver_to.lower(), company, wish.region, wish.locale]
    return hashlib.sha256(json.dumps(said).encode()).digest()
