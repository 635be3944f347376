"""Whoever starts an installation without sealing keys hears of it before the first invitation fails."""

from __future__ import annotations

from pathlib import Path

from django.test import override_settings

from controlplane.config.checks import sealing_keys_are_there
from controlplane.sealing.keyfile import KeyFile


def test_a_missing_key_file_is_told_with_the_remedy(tmp_path: Path) -> None:
    path = str(tmp_path / "keys.json")
    with override_settings(EMBEDDED=False, SEALING_KEEPER="file", SEALING_KEY_FILE=path):
        (warning,) = sealing_keys_are_there(None)
        assert (warning.id, "keys init" in warning.msg) == ("nesoi.W001", True)
        KeyFile(path).create()
        assert sealing_keys_are_there(None) == []


def test_keys_that_are_kept_elsewhere_are_not_looked_for(tmp_path: Path) -> None:
    with override_settings(EMBEDDED=False, SEALING_KEEPER="aws_kms", SEALING_KEY_FILE=""):
        assert sealing_keys_are_there(None) == []
