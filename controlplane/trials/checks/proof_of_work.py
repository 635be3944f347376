"""Hashcash-like: whoever asks spends a second of computing; nothing is kept here until they have.

A challenge is `1:bits:expiry:nonce:mac`; its answer is `challenge:counter` where SHA-256 of the whole begins with that many
zero bits. The MAC covers the subject (the address), so an answer is good for one address, until it expires.
"""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta

from django.conf import settings
from django.utils.crypto import constant_time_compare, salted_hmac

from controlplane.kernel.clock import utcnow

LIFE = timedelta(minutes=10)
LONGEST_ANSWER = 300
_PARTS = 6  # of an answer


class ProofOfWork:
    """Stateless: the signature says that the challenge is ours."""

    def challenge(self, subject: str) -> str:
        """Return a challenge for this subject."""
        expiry = int((utcnow() + LIFE).timestamp())
        head = f"1:{settings.TRIAL_WORK_BITS}:{expiry}:{secrets.token_hex(8)}"
        return f"{head}:{_mac(head, subject)}"

    def passes(self, subject: str, answer: str) -> bool:
        """Whether the work was done, for a challenge of ours that is still valid."""
        parts = answer.split(":")
        if len(answer) > LONGEST_ANSWER or len(parts) != _PARTS or not answer.isascii():
            return False
        head, mac = ":".join(parts[:4]), parts[4]
        if not constant_time_compare(mac, _mac(head, subject)):
            return False
        bits, expiry = int(parts[1]), int(parts[2])
        if expiry < utcnow().timestamp():
            return False
        found = int.from_bytes(hashlib.sha256(answer.encode()).digest())
        return found >> (256 - bits) == 0


def solve(challenge: str) -> str:
    """Return an answer by trying: what a client does, and the reference for it."""
    bits = int(challenge.split(":")[1])
    counter = 0
    while int.from_bytes(hashlib.sha256(f"{challenge}:{counter}".encode()).digest()) >> (256 - bits):
        counter += 1
    return f"{challenge}:{counter}"


def _mac(head: str, subject: str) -> str:
    return salted_hmac(
        "controlplane.trials.proof_of_work", f"{head}|{subject}", algorithm="sha256"
    ).hexdigest()


check = ProofOfWork()
