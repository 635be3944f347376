"""Hands the settings of sealing to the kernel, which knows no Django."""

from __future__ import annotations

from django.conf import settings

from controlplane.sealing import SealingSettings, configure


def configure_sealing() -> None:
    """Say how this process seals what must be stored."""
    configure(
        SealingSettings(
            keeper=settings.SEALING_KEEPER,
            key_file=settings.SEALING_KEY_FILE,
            kms_key_id=settings.SEALING_KMS_KEY_ID,
            kms_older_key_ids=tuple(settings.SEALING_KMS_OLDER_KEY_IDS),
        )
    )
