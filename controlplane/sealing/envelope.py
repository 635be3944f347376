"""How a sealed value is written: a header that says who can open it, then AES-256-GCM. Pure.

    magic "NS1" | keeper | key id | wrapped data key | 12 bytes of nonce | ciphertext and tag

Each of the three fields is led by its length in two bytes. The header is not authenticated by the payload, so that a data key
can be wrapped anew without touching the payload: whoever changes the header only gets a key that does not fit.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from controlplane.sealing.base import Tampered, WrappedKey

MAGIC = b"NS1"
NONCE_BYTES = 12  # of GCM, NIST SP 800-38D §8.2.2
TAG_BYTES = 16
LIMIT_BYTES = 1_048_576  # nothing we seal is larger


@dataclass(frozen=True)
class Envelope:
    """A sealed value in its parts; `payload` is the nonce and what follows."""

    key: WrappedKey
    payload: bytes = field(repr=False)

    def write(self) -> bytes:
        """Return its bytes."""
        fields = (self.key.keeper.encode(), self.key.key_id.encode(), self.key.wrapped)
        return MAGIC + b"".join(len(one).to_bytes(2) + one for one in fields) + self.payload

    @classmethod
    def read(cls, sealed: bytes) -> Envelope:
        """Return the parts of `sealed`; raises Tampered when it is none of ours."""
        if not sealed.startswith(MAGIC):
            raise Tampered("This is not a sealed value.")
        place, fields = len(MAGIC), []
        for _ in range(3):
            end = place + 2 + int.from_bytes(sealed[place : place + 2])
            fields.append(sealed[place + 2 : end])
            place = end
        payload = sealed[place:]
        if len(payload) < NONCE_BYTES + TAG_BYTES:
            raise Tampered("The sealed value is cut short.")
        try:
            keeper, key_id = fields[0].decode(), fields[1].decode()
        except UnicodeDecodeError:
            raise Tampered("The sealed value's header is not readable.") from None
        return cls(WrappedKey(keeper, key_id, fields[2]), payload)


def encrypt(data_key: bytes, plain: bytes, context: str) -> bytes:
    """Return nonce and ciphertext; random nonces are good for 2^32 values of one data key."""
    if len(plain) > LIMIT_BYTES:
        raise ValueError(
            f"A value of {len(plain)} bytes is too large to be sealed; the most is {LIMIT_BYTES}."
        )
    nonce = os.urandom(NONCE_BYTES)
    return nonce + AESGCM(data_key).encrypt(nonce, plain, MAGIC + context.encode())


def decrypt(data_key: bytes, payload: bytes, context: str) -> bytes:
    """Return the plain value; raises Tampered."""
    nonce, ciphertext = payload[:NONCE_BYTES], payload[NONCE_BYTES:]
    try:
        return AESGCM(data_key).decrypt(nonce, ciphertext, MAGIC + context.encode())
    except InvalidTag:
        raise Tampered(f"The sealed value does not belong to {context}, or was changed.") from None
