"""A provider that lies: no forged, stale or strayed token signs anybody in."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from controlplane.identity.models import Identity, IdentityProvider, UserSession
from controlplane.identity.oidc.tokens import LOGOUT_EVENT
from tests.identity_providers import CLIENT_ID, LyingProvider, allow, lying_provider, register
from tests.signed_in import text
from tests.world import World

pytestmark = pytest.mark.django_db

Sign = Callable[[dict[str, Any]], str]


@pytest.fixture
def liar() -> Iterator[LyingProvider]:
    with lying_provider() as running:
        yield running


@pytest.fixture
def provider(world: World, settings: Any, liar: LyingProvider) -> IdentityProvider:
    cache.clear()
    allow(settings, liar.issuer)
    return register(liar.issuer, world.archipel)


def come_back(provider: IdentityProvider, liar: LyingProvider, client: Client | None = None) -> Any:
    client = client or Client()
    away = client.get(f"/sign-in/with/{provider.id}")
    assert away.status_code == 302, text(away)
    return client.get(liar.send_back(away["Location"]))


def refused(answer: Any) -> bool:
    return answer.status_code == 403 and "token_untrusted" in text(answer) and not Identity.objects.exists()


def test_the_truth_is_believed(provider: IdentityProvider, liar: LyingProvider) -> None:
    assert come_back(provider, liar).status_code == 302
    assert Identity.objects.get().subject == "ada"


NOW = int(time.time())


def by_names(claims: dict[str, Any]) -> str:
    """A case's name: the hour is no part of it, for every worker of the tests has to find the same names."""
    return " ".join(
        f"{key}={'a moment' if value in range(NOW - 9999, NOW + 9999) else value}"
        for key, value in claims.items()
    )


@pytest.mark.parametrize(
    "lie",
    [
        {"aud": "another-application"},
        {"aud": [CLIENT_ID, "another-application"], "azp": "another-application"},
        {"aud": [CLIENT_ID, "another-application"]},
        {"aud": None},
        {"iss": "https://evil.example"},
        {"iss": None},
        {"nonce": "another"},
        {"nonce": None},
        {"nonce": ""},
        {"exp": NOW - 3600},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"iat": NOW + 3600},
        {"iat": NOW - 7200},
        {"iat": None},
        {"nbf": NOW + 3600},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "x" * 256},
        {"sub": "a\0b"},
        {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=by_names,
)
def test_a_claim_that_does_not_fit_is_refused(
    provider: IdentityProvider, liar: LyingProvider, lie: dict[str, Any]
) -> None:
    liar.lie = lie
    assert refused(come_back(provider, liar))


def raw(header: dict[str, Any], claims: dict[str, Any], signature: str = "") -> str:
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in (header, claims)
    ]
    return ".".join([*parts, signature])


def with_another_key(liar: LyingProvider) -> Sign:
    key = RSAKey.generate_key(2048, {"kid": "first"})
    return lambda claims: jwt.encode({"alg": "RS256", "kid": "first"}, claims, key)


def with_the_public_key_as_secret(liar: LyingProvider) -> Sign:
    def sign(claims: dict[str, Any]) -> str:
        unsigned = raw({"alg": "HS256", "kid": "first"}, claims).rstrip(".")
        mac = hmac.digest(liar.key.as_pem(private=False), unsigned.encode(), "sha256")
        return f"{unsigned}.{base64.urlsafe_b64encode(mac).decode().rstrip('=')}"

    return sign


def with_the_clients_secret(liar: LyingProvider) -> Sign:
    key = OctKey.import_key("a-secret-that-only-both-sides-know")
    return lambda claims: jwt.encode({"alg": "HS256"}, claims, key, algorithms=["HS256"])


def tampered(liar: LyingProvider) -> Sign:
    def sign(claims: dict[str, Any]) -> str:
        _, _, signature = liar.honest(claims).split(".")
        return raw({"alg": "RS256", "kid": "first"}, {**claims, "sub": "somebody-else"}, signature)

    return sign


def with_its_own_key_along(liar: LyingProvider) -> Sign:
    key = RSAKey.generate_key(2048)
    header = {"alg": "RS256", "jwk": key.as_dict(private=False), "kid": "theirs"}
    return lambda claims: jwt.encode(header, claims, key)


@pytest.mark.parametrize(
    "forge",
    [
        lambda _: lambda claims: raw({"alg": "none"}, claims),
        lambda _: lambda claims: raw({"alg": "None", "kid": "first"}, claims),
        lambda _: lambda claims: raw({"alg": "RS256", "kid": "first"}, claims),
        lambda _: lambda claims: "nonsense",
        lambda _: lambda claims: "",
        lambda liar: lambda claims: liar.honest(claims) + "x" * 100_000,
        with_another_key,
        with_the_public_key_as_secret,
        with_the_clients_secret,
        tampered,
        with_its_own_key_along,
    ],
    ids=["none", "None", "unsigned", "nonsense", "empty", "huge", "another key", "public key as secret",
         "client secret", "tampered", "own key"],
)  # fmt: skip
def test_a_token_that_the_provider_did_not_sign_is_refused(
    provider: IdentityProvider, liar: LyingProvider, forge: Callable[[LyingProvider], Sign]
) -> None:
    liar.sign = forge(liar)
    liar.published.append(OctKey.import_key("a-secret-that-only-both-sides-know").as_dict())
    assert refused(come_back(provider, liar))


def test_a_small_skew_of_clocks_is_forgiven(provider: IdentityProvider, liar: LyingProvider) -> None:
    liar.lie = {"iat": int(time.time()) + 30, "exp": int(time.time()) + 60}
    assert come_back(provider, liar).status_code == 302


def test_keys_are_kept_and_looked_up_again_when_a_new_one_signs(
    provider: IdentityProvider, liar: LyingProvider
) -> None:
    come_back(provider, liar)
    come_back(provider, liar)
    assert liar.asked.count("/jwks") == 1
    liar.key = RSAKey.generate_key(2048, {"kid": "second", "use": "sig"})
    liar.published = [liar.key.as_dict(private=False)]
    liar.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "second"}, claims, liar.key)
    assert come_back(provider, liar).status_code == 302
    assert liar.asked.count("/jwks") == 2


def test_unknown_keys_do_not_make_us_ask_again_and_again(
    provider: IdentityProvider, liar: LyingProvider
) -> None:
    liar.sign = lambda claims: jwt.encode({"alg": "RS256", "kid": "unknown"}, claims, liar.key)
    for _ in range(4):
        assert refused(come_back(provider, liar))
    assert liar.asked.count("/jwks") == 2


def test_an_answer_that_names_another_issuer_is_refused_before_the_code_is_redeemed(
    provider: IdentityProvider, liar: LyingProvider
) -> None:
    client = Client()
    back = liar.send_back(client.get(f"/sign-in/with/{provider.id}")["Location"])
    assert refused(client.get(back + "&iss=https%3A%2F%2Fevil.example"))
    assert "/token" not in liar.asked


def test_a_provider_that_names_itself_must_do_so(provider: IdentityProvider, liar: LyingProvider) -> None:
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    assert refused(come_back(provider, liar))


def test_who_says_no_at_such_a_provider_is_told_that_though_its_error_names_nobody(
    provider: IdentityProvider, liar: LyingProvider
) -> None:
    liar.metadata = {"authorization_response_iss_parameter_supported": True}
    client = Client()
    client.get(f"/sign-in/with/{provider.id}")
    state = client.session["sign-in"][str(provider.id)]["state"]
    denied = {"error": "access_denied", "state": state}
    back = f"/sign-in/callback/{provider.id}"
    answer = client.get(back, denied)
    assert answer.status_code == 403
    assert "You did not agree to sign in" in text(answer)


def test_an_error_in_another_s_name_is_not_believed(provider: IdentityProvider, liar: LyingProvider) -> None:
    client = Client()
    client.get(f"/sign-in/with/{provider.id}")
    state = client.session["sign-in"][str(provider.id)]["state"]
    denied = {"error": "access_denied", "state": state, "iss": "https://evil.example"}
    assert refused(client.get(f"/sign-in/callback/{provider.id}", denied))


def test_an_answer_for_one_provider_is_none_for_another(
    world: World, settings: Any, provider: IdentityProvider, liar: LyingProvider
) -> None:
    with lying_provider() as evil:
        allow(settings, liar.issuer, evil.issuer)
        other = register(evil.issuer, world.basalt)
        client = Client()
        back = liar.send_back(client.get(f"/sign-in/with/{provider.id}")["Location"])
        client.get(f"/sign-in/with/{other.id}")
        mixed = back.replace(str(provider.id), str(other.id))
        assert refused(client.get(mixed))
        assert "/token" not in evil.asked  # the code has not reached whom it is not for


def test_groups_and_address_may_come_from_userinfo_but_only_of_the_same_subject(
    provider: IdentityProvider, liar: LyingProvider
) -> None:
    liar.person = {"sub": "ada"}
    liar.user_info = {"sub": "somebody-else", "groups": ["boss"]}
    assert "no_role" in text(come_back(provider, liar))
    liar.user_info = {"sub": "ada", "groups": ["ops"]}
    assert come_back(provider, liar).status_code == 302


def test_groups_that_did_not_fit_into_the_token_are_not_taken_for_none(
    provider: IdentityProvider, liar: LyingProvider
) -> None:
    come_back(provider, liar)
    liar.person = {"sub": "ada", "_claim_names": {"groups": "src1"}}
    answer = come_back(provider, liar)
    assert "so many groups" in text(answer)
    assert Identity.objects.get().granted_member is not None


@pytest.mark.parametrize(
    "metadata",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": "http://evil.example/authorize"},
        {"token_endpoint": "https://user:pass@evil.example/"},
        {"token_endpoint": None},
        {"jwks_uri": "file:///etc/passwd"},
        {"end_session_endpoint": "javascript:alert(1)"},
    ],
    ids=str,
)
def test_a_discovery_document_that_points_elsewhere_is_refused(
    provider: IdentityProvider, liar: LyingProvider, metadata: dict[str, Any]
) -> None:
    liar.metadata = metadata
    answer = Client().get(f"/sign-in/with/{provider.id}")
    assert answer.status_code == 502
    assert "provider_unusable" in text(answer)


@pytest.mark.parametrize("endpoint", ["token_endpoint", "jwks_uri"])
def test_an_endpoint_inside_a_private_network_is_not_called(
    provider: IdentityProvider, liar: LyingProvider, endpoint: str
) -> None:
    liar.metadata = {endpoint: "https://169.254.169.254/latest/meta-data/"}
    answer = come_back(provider, liar)
    assert answer.status_code == 422
    assert "provider_address_refused" in text(answer)


def test_an_issuer_inside_a_private_network_is_not_called(
    provider: IdentityProvider, liar: LyingProvider, settings: Any
) -> None:
    settings.OUTBOUND_PRIVATE_NETWORKS = []
    answer = Client().get(f"/sign-in/with/{provider.id}")
    assert "provider_address_refused" in text(answer)
    assert liar.asked == []


def test_a_provider_that_is_away_is_a_page(world: World, settings: Any) -> None:
    cache.clear()
    allow(settings, "http://127.0.0.1:1")
    provider = register("http://127.0.0.1:1", world.archipel)
    answer = Client().get(f"/sign-in/with/{provider.id}")
    assert answer.status_code == 502
    assert "Try again in a minute" in text(answer)


def logout_token(liar: LyingProvider, **changes: Any) -> dict[str, Any]:
    now = int(time.time())
    claims = {
        "iss": liar.issuer, "aud": CLIENT_ID, "iat": now, "exp": now + 120, "jti": str(time.time_ns()), "sub": "ada",
        "events": {LOGOUT_EVENT: {}}, **changes,
    }  # fmt: skip
    return {"logout_token": liar.honest({key: value for key, value in claims.items() if value is not None})}


def test_a_provider_ends_the_sessions_of_its_subject(provider: IdentityProvider, liar: LyingProvider) -> None:
    client = Client()
    come_back(provider, liar, client)
    word = logout_token(liar)
    stranger = Client(enforce_csrf_checks=True)
    assert stranger.post(f"/sign-in/ended/{provider.id}", word).status_code == 200
    assert client.get("/").status_code == 302
    assert stranger.post(f"/sign-in/ended/{provider.id}", word).status_code == 400  # the same word twice


@pytest.mark.parametrize(
    "changes",
    [{"events": None}, {"events": {"other": {}}}, {"nonce": "x"}, {"sub": None}, {"aud": "other"}, {"iss": "https://e.example"},
     {"jti": None}, {"iat": NOW - 7200, "exp": NOW + 60}, {"exp": NOW - 600}],
    ids=by_names,
)  # fmt: skip
def test_another_word_of_the_provider_ends_nothing(
    provider: IdentityProvider, liar: LyingProvider, changes: dict[str, Any]
) -> None:
    come_back(provider, liar)
    answer = Client().post(f"/sign-in/ended/{provider.id}", logout_token(liar, **changes))
    assert answer.status_code == 400
    assert UserSession.objects.count() == 1
