"""Names of the garden that several modules share."""

from __future__ import annotations

GROUP = "core.gardener.cloud"
SHOOTS = (GROUP, "shoots")
OPERATION = "gardener.cloud/operation"
CONFIRMATION = "confirmation.gardener.cloud/deletion"
STATUS_LABEL = "shoot.gardener.cloud/status"
FINALIZER = "gardener"
