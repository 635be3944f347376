"""What a platform says about itself and its request in headers. Pure."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from controlplane.kernel.errors import Refused
from controlplane.kernel.strict_json import read_object

MAJOR, OLDEST, NEWEST = 2, 13, 17
LONGEST_IDENTITY = 8192
_VERSION = re.compile(r"(\d{1,3})\.(\d{1,3})")
_REQUEST_IDENTITY = re.compile(r"[\x21-\x7e]{1,255}")
_UNPRINTABLE = re.compile(r"[^\x20-\x7e]+")
_PLATFORM = re.compile(r"[A-Za-z0-9._-]{1,64}")
# Where each platform says who it is; of others any of these. Profile document of the specification.
_NAMES = ("user_id", "username", "user", "id", "uid", "sub", "email", "name")


@dataclass(frozen=True)
class Originator:
    """Who of the platform's own people asked."""

    platform: str
    name: str  # empty: the platform does not say

    def __str__(self) -> str:
        return f"{self.platform}:{self.name}" if self.name else self.platform


def minor_version(header: str | None, *, missing_status: int) -> int:
    """Return the minor version whose fields the platform knows, at most ours; raises Refused 412, or `missing_status`."""
    if not header:
        detail = f"Send X-Broker-API-Version, for example {MAJOR}.{NEWEST}."
        raise Refused("api_version_missing", detail, status=missing_status)
    match = _VERSION.fullmatch(header.strip())
    if match is None or int(match[1]) != MAJOR or int(match[2]) < OLDEST:
        detail = f"This broker speaks {MAJOR}.{OLDEST} to {MAJOR}.{NEWEST} of the Open Service Broker API."
        raise Refused("api_version_unsupported", detail, status=412)
    return min(int(match[2]), NEWEST)


def request_identity(header: str | None) -> str:
    """Return what may be echoed and audited, or empty."""
    return header if header and _REQUEST_IDENTITY.fullmatch(header) else ""


def originator(header: str | None) -> Originator | None:
    """Return who is meant by `platform base64(json)`, or None without the header; raises Refused 400."""
    if not header:
        return None
    platform, _, encoded = header.strip().partition(" ")
    if len(header) > LONGEST_IDENTITY or not _PLATFORM.fullmatch(platform):
        raise _malformed()
    try:
        value = read_object(base64.b64decode(encoded.strip(), validate=True))
    except (binascii.Error, ValueError, Refused) as error:
        raise _malformed() from error
    name = next((found for key in _NAMES if isinstance(found := value.get(key), str) and found), "")
    return Originator(platform, _UNPRINTABLE.sub("?", name)[:120])


def _malformed() -> Refused:
    detail = (
        "X-Broker-API-Originating-Identity must be a platform's name, a blank and a JSON object in base64."
    )
    return Refused("originating_identity_malformed", detail, status=400)
