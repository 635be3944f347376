"""Secrets that must be stored: sealed by AES-256-GCM under data keys, which a key keeper wraps.

`seal` and `unseal` are all that callers need; `context` names the place of the value (tenant|table|row|column), so that a
sealed value is worthless anywhere else. Keepers are plug-ins in `keepers/`: a local key file, or AWS KMS. No Django here.
"""

from controlplane.sealing.base import KeyUnavailable, SealingSettings, Tampered
from controlplane.sealing.door import configure, current, seal, unseal

__all__ = ["KeyUnavailable", "SealingSettings", "Tampered", "configure", "current", "seal", "unseal"]
