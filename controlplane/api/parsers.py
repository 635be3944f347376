"""The API's bodies: strict JSON objects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import IO, Any

from rest_framework.parsers import BaseParser

from controlplane.kernel.strict_json import read_object


class StrictJSONParser(BaseParser):
    """A JSON object as `kernel.strict_json` reads it."""

    media_type = "application/json"

    def parse(
        self,
        stream: IO[bytes],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> dict[str, Any]:
        """Return the body; raises Refused 400."""
        return read_object(stream.read())
