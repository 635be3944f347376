"""Events are signed as Standard Webhooks describes and wrapped as CloudEvents."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

from controlplane.notices.webhook_signing import envelope, headers_of, new_secret

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_the_vector_of_the_specification() -> None:
    # The example of the specification's reference libraries.
    secret, at = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", datetime.fromtimestamp(1614265330, UTC)
    headers = headers_of(secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", at, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


def test_another_body_id_or_time_has_another_signature() -> None:
    secret = new_secret()
    first = headers_of(secret, "a", NOW, b"x")["webhook-signature"]
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = hmac.new(key, f"a.{int(NOW.timestamp())}.x".encode(), hashlib.sha256).digest()
    assert first == f"v1,{base64.b64encode(signed).decode()}"
    others = {
        headers_of(secret, "b", NOW, b"x")["webhook-signature"],
        headers_of(secret, "a", NOW, b"y")["webhook-signature"],
        headers_of(secret, "a", NOW.replace(second=1), b"x")["webhook-signature"],
        headers_of(new_secret(), "a", NOW, b"x")["webhook-signature"],
    }
    assert len(others | {first}) == 5


def test_an_event_is_a_cloud_event() -> None:
    event = json.loads(
        envelope(message_id="1", kind="usage.daily", tenant="t", subject="s", at=NOW, data={"a": 1})
    )
    assert (event["specversion"], event["type"], event["source"]) == (
        "1.0",
        "dev.nesoi.usage.daily",
        "/tenants/t",
    )
    assert (event["id"], event["subject"], event["time"]) == ("1", "s", "2026-06-01T00:00:00Z")
    assert event["data"] == {"a": 1}
