"""Takes secrets out of text before it is kept or shown: logs, errors of attempts, whatever others wrote. Pure.

It knows secrets by their shape or by the name in front of them, in plain text, YAML, JSON and Python's own notation. Every
repetition in the patterns has a bound and what was matched is not looked at again, so time grows with the text alone.
"""

from __future__ import annotations

import re

MASK = "[redacted]"

_QUOTE = r"""(?:\\{0,3}["'])?"""
_NAMES = (
    r"client[-_]key[-_]data|client[-_]secret|(?:[a-z]{1,20}[-_])?token|(?:[a-z]{1,20}[-_])?password|passwd"
    r"|secret[-_]key|secret[-_]access[-_]key|api[-_]key|private[-_]key|sessionid|csrftoken"
)
_VALUE = (
    r"""(?:\\{1,3}"[^"\\]{1,16384}|"(?:[^"\\]|\\.){1,16384}|\\{0,3}'(?:[^'\\]|\\.){1,16384}"""
    r"""|(?!\[redacted)[^\s"'\\,;&)}\]]{4,16384})"""
)

_PEM = re.compile(
    r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY-----(?:[^-]|-(?!----)){0,16384}"
    r"(?:-----END [A-Z0-9 ]{0,30}PRIVATE KEY-----)?"
)
_ENCODED_PEM = re.compile(r"LS0tLS1CRUdJTi[A-Za-z0-9+/=]{16,65536}")  # "-----BEGIN " in base64
_HEADER = re.compile(
    rf"((?:authorization|cookie)(?:{_QUOTE}\s{{0,4}}[:=]|\\{{0,3}}[\"']\s{{0,4}},)\s{{0,4}}{_QUOTE})"
    r"([^\r\n\"'\\]{1,8192})",
    re.IGNORECASE,
)
_BEARER = re.compile(r"\b(bearer\s{1,4})([A-Za-z0-9._~+/=-]{8,8192})", re.IGNORECASE)
_FIELD = re.compile(
    rf"((?<![a-z0-9])(?:{_NAMES}){_QUOTE}\s{{0,4}}[:=]\s{{0,4}}(?:[|>]-?\s{{1,40}})?)({_VALUE})",
    re.IGNORECASE,
)
_URL = re.compile(r"(\b[a-z][a-z0-9+.-]{1,20}://[^\s:/@\"']{0,128}:)([^\s/\"']{1,512})@", re.IGNORECASE)
# Metrics have names like nesoi_operations_total; 256 random bits have a capital or a digit.
_TOKEN = re.compile(r"nesoi_(?=[a-z_-]{0,64}[A-Z0-9])[A-Za-z0-9_-]{16,128}")
_JWT = re.compile(
    r"(?<![A-Za-z0-9_-])eyJ[A-Za-z0-9_-]{8,4096}\.[A-Za-z0-9_-]{8,8192}(?:\.[A-Za-z0-9_-]{0,4096})?"
)
_SECRET_NAME = re.compile(
    rf"(?:{_NAMES}|(?:[a-z]{{1,20}}[-_])?(?:authorization|cookie)|secret)", re.IGNORECASE
)
# Every pattern needs one of these: most texts have none, and are done within microseconds.
_HINTS = (
    "key",
    "secret",
    "token",
    "passw",
    "session",
    "auth",
    "cookie",
    "bearer",
    "://",
    "nesoi_",
    "eyj",
    "ls0t",
)


def redact(text: str) -> str:
    """Return the text with a mask in place of keys, tokens and passwords; what has none comes back unchanged."""
    if not may_hold_secrets(text):
        return text
    text = _PEM.sub(MASK, text)
    text = _ENCODED_PEM.sub(MASK, text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1{MASK}", text)
    text = _URL.sub(rf"\1{MASK}@", text)
    text = _FIELD.sub(_masked, text)
    text = _TOKEN.sub(MASK, text)
    return _JWT.sub(MASK, text)


def may_hold_secrets(text: str) -> bool:
    """Whether a closer look is worth its time; False is certain."""
    lowered = text.lower()
    return any(hint in lowered for hint in _HINTS)


def names_a_secret(name: str) -> bool:
    """Whether what stands under this name is a secret, whatever it looks like."""
    return _SECRET_NAME.fullmatch(name) is not None


def redact_values(value: object) -> object:
    """Return a copy of nested mappings and lists with every secret in them masked, by name or by shape."""
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, dict):
        return {
            key: MASK if isinstance(key, str) and names_a_secret(key) and entry else redact_values(entry)
            for key, entry in value.items()
        }
    if isinstance(value, list | tuple):
        return [redact_values(entry) for entry in value]
    return value


def _masked(match: re.Match[str]) -> str:
    opening = re.match(r"""\\{0,3}["']?""", match[2])
    return f"{match[1]}{opening[0] if opening else ''}{MASK}"
