"""Who an e-mail address belongs to, however it is written: one person, one organisation. Pure, but for the key of the hash.

Facts: plus-tags are ignored by most providers (RFC 5233); Gmail ignores dots and calls itself googlemail.com too; domains
compare as the DNS does (IDNA 2008 with the mapping of UTS #46).
"""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass

import idna
from django.conf import settings

from controlplane.kernel.errors import Refused
from controlplane.tenants.letters import GMAIL
from controlplane.trials.public_domains import PUBLIC_DOMAINS

LONGEST = 254  # RFC 5321 §4.5.3.1.3
LONGEST_LOCAL = 64
_DASH_TAGS = frozenset({"yahoo.com", "ymail.com"})
# Second levels that are sold like top levels: example.co.uk is one organisation, co.uk is none.
_SHARED_SECOND = frozenset(
    {"co", "com", "org", "net", "gov", "edu", "ac", "gob", "ne", "or", "go", "mil", "nom"}
)
_COUNTRY = 2  # letters


@dataclass(frozen=True)
class Address:
    """An address to write to, and what it is compared by."""

    deliver_to: str  # the local part as given, the domain in ASCII
    domain: str
    person: bytes  # keyed hash of the normalised address: what stays when the address is forgotten
    organisation: str  # the registered domain, or empty where anybody may have an address


def read_address(text: str) -> Address:
    """Return what an address says; raises Refused email_invalid."""
    local, at, domain = text.strip().rpartition("@")
    if not at or not local or len(local) > LONGEST_LOCAL or not _is_printable(local):
        raise _invalid()
    domain = _ascii(domain)
    deliver_to = f"{local}@{domain}"
    if len(deliver_to) > LONGEST:
        raise _invalid()
    registered = _registered(domain)
    public = domain in PUBLIC_DOMAINS or registered in PUBLIC_DOMAINS
    normal = f"{_normal_local(local, domain)}@{'gmail.com' if domain in GMAIL else domain}"
    return Address(
        deliver_to=deliver_to,
        domain=domain,
        person=keyed(hashlib.sha256(normal.encode()).digest()),
        organisation="" if public else registered,
    )


def masked(email: str) -> str:
    """Return an address as the audit trail may keep it for ever, for example "a…@example.org"."""
    local, _, domain = email.strip().rpartition("@")
    return f"{local[:1]}…@{domain}"


def keyed(digest: bytes) -> bytes:
    """Return the digest under our key: addresses are few enough to try them all against a plain one."""
    key = (settings.TRIAL_PERSON_KEY or settings.SECRET_KEY).encode()
    return hmac.digest(key, b"controlplane.trials.person" + digest, "sha256")


def _normal_local(local: str, domain: str) -> str:
    plain = unicodedata.normalize("NFKC", local).casefold()
    name = plain.split("+", 1)[0] or plain
    if domain in GMAIL:
        name = name.replace(".", "") or name
    if domain in _DASH_TAGS:
        name = name.split("-", 1)[0] or name
    return name


def _ascii(domain: str) -> str:
    try:
        written = idna.encode(domain.rstrip("."), uts46=True, transitional=False).decode()
    except (idna.IDNAError, UnicodeError) as error:
        raise _invalid() from error
    last = written.rpartition(".")[2]
    if "." not in written or last.isdigit():
        raise _invalid()
    return written.lower()


def _registered(domain: str) -> str:
    labels = domain.split(".")
    is_shared = len(labels[-1]) == _COUNTRY and labels[-2] in _SHARED_SECOND
    return ".".join(labels[-3:] if is_shared else labels[-2:])


def _is_printable(local: str) -> bool:
    return local.isprintable() and not set(local) & set(' <>,;:@"()[]\\')


def _invalid() -> Refused:
    detail = "email must be an address that we can write to, for example ada@example.org."
    return Refused("email_invalid", detail, field="email")
