"""The lock names packages by version and hash, and nobody's index: whoever installs it chooses where from."""

from __future__ import annotations

import re
from pathlib import Path

LOCK = (Path(__file__).resolve().parents[2] / "requirements.txt").read_text()


def test_no_address_stands_in_the_lock() -> None:
    assert re.findall(r"\w+://\S+|--(?:extra-)?index-url|--find-links|^-[if] .*", LOCK, re.MULTILINE) == []


def test_every_package_is_pinned_and_has_hashes() -> None:
    packages = re.split(
        r"^(?=[a-zA-Z0-9])", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE), flags=re.MULTILINE
    )
    found = [entry for entry in packages if entry.strip()]
    assert len(found) > 100
    loose = [
        entry.splitlines()[0]
        for entry in found
        if not re.match(r"[a-zA-Z0-9._\[\],-]+==\S+", entry) or "--hash=sha256:" not in entry
    ]
    assert loose == []
