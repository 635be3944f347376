"""Reads one version of a price book from its document and proves it; every fault says where it stands and what to do."""

from __future__ import annotations


class Fields:
    """The fields of one rule."""
