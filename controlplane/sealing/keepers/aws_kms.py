"""Keeps keys in AWS KMS: data keys are made and unwrapped there, the wrapping key never leaves it.

Region, credentials and endpoint come from the environment as for every AWS client (AWS_REGION, AWS_ENDPOINT_URL_KMS ...).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from controlplane.sealing.base import Keeper, KeyUnavailable, SealingSettings, Tampered, WrappedKey

NAME = "aws_kms"
CONTEXT = {"nesoi": "sealing"}  # stands in CloudTrail with every use
ANSWER_SECONDS = 5


class KmsKeeper:
    """Wraps by `kms_key_id`; unwraps by it and the older ones only, whatever key a stored header names."""

    def __init__(self, client: Any, key_id: str, older: tuple[str, ...]) -> None:
        self._client = client
        self._key_id = key_id
        self._known = {key_id, *older} - {""}

    def new_data_key(self) -> tuple[WrappedKey, bytes]:
        """Return a fresh data key, made by KMS."""
        answer = _ask(
            self._client.generate_data_key,
            KeyId=self.present_key_id(),
            KeySpec="AES_256",
            EncryptionContext=CONTEXT,
        )
        return WrappedKey(NAME, self._key_id, answer["CiphertextBlob"]), answer["Plaintext"]

    def wrap(self, data_key: bytes) -> WrappedKey:
        """Wrap a data key of another keeper or of an older key."""
        answer = _ask(
            self._client.encrypt, KeyId=self.present_key_id(), Plaintext=data_key, EncryptionContext=CONTEXT
        )
        return WrappedKey(NAME, self._key_id, answer["CiphertextBlob"])

    def unwrap(self, key: WrappedKey) -> bytes:
        """Return the data key."""
        if key.key_id not in self._known:
            raise KeyUnavailable(
                f"The KMS key “{key.key_id}” is not one of ours: add it to SEALING_KMS_OLDER_KEY_IDS if it should be."
            )
        answer = _ask(
            self._client.decrypt, KeyId=key.key_id, CiphertextBlob=key.wrapped, EncryptionContext=CONTEXT
        )
        plain: bytes = answer["Plaintext"]
        return plain

    def present_key_id(self) -> str:
        """Return SEALING_KMS_KEY_ID."""
        if not self._key_id:
            raise KeyUnavailable("SEALING_KMS_KEY_ID is not set: name the KMS key that wraps data keys.")
        return self._key_id


def _ask(call: Callable[..., Any], **arguments: Any) -> Any:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return call(**arguments)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "unknown")
        if code in {"InvalidCiphertextException", "IncorrectKeyException"}:
            raise Tampered("KMS does not recognise the data key of a sealed value.") from error
        raise KeyUnavailable(f"AWS KMS refused ({code}); look at the key's policy and state.") from error
    except BotoCoreError as error:
        raise KeyUnavailable(f"AWS KMS did not answer ({type(error).__name__}).") from error


def open_keeper(settings: SealingSettings) -> Keeper:
    """Return the keeper of SEALING_KMS_KEY_ID; raises KeyUnavailable when boto3 finds no region."""
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError

    patience = Config(
        connect_timeout=2, read_timeout=ANSWER_SECONDS, retries={"total_max_attempts": 2, "mode": "standard"}
    )
    try:
        client = boto3.client("kms", config=patience)
    except BotoCoreError as error:
        raise KeyUnavailable(f"AWS KMS is not set up ({error}).") from error
    return KmsKeeper(client, settings.kms_key_id, settings.kms_older_key_ids)
