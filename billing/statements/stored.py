"""How a sealed statement's inputs lie in their row: canonical JSON, compressed."""

from __future__ import annotations

import zlib


def closed(body: bytes) -> bytes:
    """Compress."""
    return zlib.compress(body, 6)


def opened(stored: bytes | memoryview) -> bytes:
    """Return what was compressed; raises zlib.error for anything else."""
    return zlib.decompress(bytes(stored))
