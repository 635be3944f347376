"""Mail providers that anybody may have an address with: sharing one makes nobody colleagues. Pure.

A choice of the largest by users (2026); a missing one costs its people one trial for all of them until it is added here.
"""

from __future__ import annotations

_FAMILIES = {
    "gmail": "com", "googlemail": "com", "icloud": "com", "me": "com", "mac": "com", "aol": "com de fr co.uk",
    "outlook": "com de fr es it jp com.br", "hotmail": "com de fr es it co.uk com.br", "msn": "com",
    "live": "com de fr nl co.uk", "yahoo": "com de fr es it in co.uk co.jp co.in com.br com.ar com.au ca",
    "ymail": "com", "gmx": "de net at ch com", "web": "de", "t-online": "de", "freenet": "de", "posteo": "de net",
    "mailbox": "org", "proton": "me", "protonmail": "com ch", "pm": "me", "tutanota": "com de", "tuta": "io com",
    "fastmail": "com fm", "zoho": "com eu", "hey": "com", "duck": "com", "mail": "com ru ee", "inbox": "lv ru",
    "yandex": "com ru", "bk": "ru", "list": "ru", "rambler": "ru", "ukr": "net", "qq": "com", "163": "com", "126": "com",
    "sina": "com cn", "foxmail": "com", "naver": "com", "daum": "net", "hanmail": "net", "docomo": "ne.jp",
    "libero": "it", "virgilio": "it", "tiscali": "it", "orange": "fr", "wanadoo": "fr", "free": "fr", "laposte": "net",
    "sfr": "fr", "bluewin": "ch", "telenet": "be", "skynet": "be", "ziggo": "nl", "kpnmail": "nl", "seznam": "cz",
    "centrum": "cz", "wp": "pl", "o2": "pl", "interia": "pl", "onet": "pl", "comcast": "net", "verizon": "net",
    "att": "net", "sbcglobal": "net", "cox": "net", "btinternet": "com", "sky": "com", "rediffmail": "com",
    "uol": "com.br", "bol": "com.br", "terra": "com.br", "bigpond": "com", "shaw": "ca", "rogers": "com",
}  # fmt: skip
PUBLIC_DOMAINS = frozenset(f"{name}.{end}" for name, ends in _FAMILIES.items() for end in ends.split())
