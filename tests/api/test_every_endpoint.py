"""Every endpoint as every role, on its own tenant's things and on another's. A new endpoint without a row here fails."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from controlplane.api.contract import contract_of
from controlplane.api.urls import urlpatterns
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.services import issue_token
from tests.api.asking import WISH, Asking, problem, read
from tests.matrix import (
    ADMINS,
    AUDITORS,
    COST_MANAGERS,
    COST_READERS,
    DENIED,
    FINANCIERS,
    FLEET_READERS,
    GATE,
    NO_MEMBER,
    NOBODY,
    OPERATORS,
    PLATFORM,
    ROLLOUT,
    STATEMENT_PLATFORM,
    STATEMENT_READERS,
    TOKEN_READERS,
    WAIVER,
    WORKERS,
    Cells,
    Row,
    patterns_of,
    things_of,
    written,
)
from tests.world import World, member

pytestmark = pytest.mark.django_db

NEW_ACCOUNT = {"slug": "labor", "name": "Labor", "tenant": "archipel"}
REASON = {"reason": "for the test"}
PLATFORM_ADMIN = frozenset({PlatformRole.ADMIN})
OWNERS = frozenset({Role.OWNER})
SPENDERS = frozenset(Role) - {Role.VIEWER}
BILLED = ADMINS | {Role.FINANCE}
FINOPS = frozenset({PlatformRole.FINOPS, PlatformRole.ADMIN})
HERE = {"tenant": "archipel"}
STRANGER = {"email": "ada@engine.example", "company": "Engine Works", "region": "eu-central-1"}
SAMPLES = {"sent_at": "2026-01-01T00:00:00Z", "samples": [{}]}
INVITATION = {"email": "new@example.org", "role": "viewer", **HERE}
NEW_TENANT = {"slug": "cobalt", "name": "Cobalt", "owner_email": "new@example.org"}
PROVIDER = "/identity-providers/{provider}"
NEW_PROVIDER = {"name": "SSO", "issuer": "https://127.0.0.1", "client_id": "nesoi", **HERE}
STATEMENT = "/statements/{statement}"
ADJUSTMENT = {
    "category": "Credit",
    "amount": "-1.50",
    "currency": "EUR",
    "title": "Outage",
    "reason": "for the test",
    **HERE,
}
NOT_THERE = "019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41"
BOOK, PROPOSAL = "/prices/books/standard/1", f"/prices/proposals/{NOT_THERE}"
YEAR = {"starts": "2030-01-01", "ends": "2031-01-01"}
NEW_CONTRACT = {"title": "Frame", "currency": "EUR", **YEAR, **HERE}
NEW_CREDIT = {"title": "Welcome", "currency": "EUR", "amount": "5", "starts": "2030-01-01", "expires": "2031-01-01", **REASON,
              **HERE}  # fmt: skip
NEW_COMMITMENT = {
    "title": "Cores",
    "meter": "vcpu",
    "units": "5",
    "currency": "EUR",
    "fee": "1",
    **YEAR,
    **HERE,
}
NEW_RATE = {"base": "USD", "quote": "EUR", "since": "2030-01-01", "rate": "0.9", "source": "test"}
WISHED = {"release": "2026.10.1", "selector": "all"}
ROLLED = f"/rollouts/{ROLLOUT}"
WAIVED_FINDING = {"rule": "removed-apis", "owner": "ada", "expires_at": "2030-01-01T00:00:00Z", **REASON}
WAIVED = {
    "runtime": NOT_THERE,
    "owner": "ada",
    "expires_at": "2030-01-01T00:00:00Z",
    "reason": "for the test",
}
WEEKEND = {"days": ["sat"], "begin": "02:00", "end": "06:00", "time_zone": "UTC", **HERE}
SHUT = {
    "begins_at": "2030-01-01T00:00:00Z",
    "ends_at": "2030-01-02T00:00:00Z",
    "reason": "for the test",
    **HERE,
}
MOVE = {"from": "archipel", "to": "nowhere", **REASON}
# Support names one tenant and says why.
OPENING = {"X_Nesoi_Tenant": "archipel", "X_Nesoi_Reason": "for the test"}
ROWS: dict[tuple[str, str], Row] = {
    ("index", "GET"): Row("/", public=True),
    ("schema", "GET"): Row("/schema", public=True),
    ("docs", "GET"): Row("/docs", public=True),
    ("me", "GET"): Row("/me"),
    ("audit", "GET"): Row("/audit", ADMINS, AUDITORS),
    ("audit-export", "GET"): Row("/audit/export", ADMINS, AUDITORS),
    ("audit-exports", "GET"): Row("/audit/exports", ADMINS, AUDITORS),
    ("audit-exports", "POST"): Row("/audit/exports", ADMINS, AUDITORS, {}),
    ("audit-export-detail", "GET"): Row("/audit/exports/{export}", ADMINS, AUDITORS),
    ("plans", "GET"): Row("/plans"),
    ("plan", "GET"): Row("/plans/aws"),
    ("regions", "GET"): Row("/regions"),
    ("releases", "GET"): Row("/releases"),
    ("release", "GET"): Row("/releases/2026.9.1"),
    ("publish-release", "POST"): Row("/releases/2026.9.1/publish", NO_MEMBER, OPERATORS, answer=409),
    ("withdraw-release", "POST"): Row("/releases/2026.9.1/withdraw", NO_MEMBER, OPERATORS, REASON),
    ("channels", "GET"): Row("/channels"),
    ("channel", "GET"): Row("/channels/regular"),
    ("channel", "PATCH"): Row("/channels/regular", NO_MEMBER, OPERATORS, {"release": "2026.10.1"}),
    ("rollouts", "GET"): Row("/rollouts", NO_MEMBER),
    ("rollouts", "POST"): Row("/rollouts", NO_MEMBER, OPERATORS, {"name": "New", **WISHED}),
    ("preview-rollout", "POST"): Row("/rollouts/preview", NO_MEMBER, OPERATORS, WISHED),
    ("rollout", "GET"): Row(ROLLED, NO_MEMBER),
    ("rollout-targets", "GET"): Row(f"{ROLLED}/targets", NO_MEMBER, FLEET_READERS),
    ("rollout-feed", "GET"): Row(f"{ROLLED}/feed", NO_MEMBER, FLEET_READERS),
    ("start-rollout", "POST"): Row(f"{ROLLED}/start", NO_MEMBER, OPERATORS, answer=409),
    **{
        (f"{verb}-rollout", "POST"): Row(f"{ROLLED}/{verb}", NO_MEMBER, OPERATORS, REASON)
        for verb in ("pause", "resume", "abort", "close")
    },
    **{
        (f"{verb}-targets", "POST"): Row(
            f"{ROLLED}/{verb}", NO_MEMBER, OPERATORS, {"state": "planned", **REASON}
        )
        for verb in ("retry", "skip", "prioritise")
    },
    ("approve-gate", "POST"): Row(f"{ROLLED}/gates/{GATE}/approve", NO_MEMBER, OPERATORS, {}),
    ("open-gate", "POST"): Row(f"{ROLLED}/gates/{GATE}/open", NO_MEMBER, OPERATORS, REASON),
    ("fleet-versions", "GET"): Row("/fleet/versions", NO_MEMBER),
    ("left-behind", "GET"): Row("/fleet/left-behind", NO_MEMBER, FLEET_READERS),
    ("waivers", "GET"): Row("/fleet/waivers", NO_MEMBER, FLEET_READERS),
    ("waivers", "POST"): Row("/fleet/waivers", NO_MEMBER, OPERATORS, WAIVED, answer=422),
    ("waiver", "DELETE"): Row(f"/fleet/waivers/{WAIVER}", NO_MEMBER, OPERATORS),
    ("emergency-stop", "GET"): Row("/fleet/emergency-stop", NO_MEMBER),
    ("emergency-stop", "POST"): Row("/fleet/emergency-stop", NO_MEMBER, OPERATORS, REASON),
    ("emergency-stop", "DELETE"): Row("/fleet/emergency-stop", NO_MEMBER, OPERATORS, answer=409),
    ("fleet-finding-groups", "GET"): Row("/fleet/findings", NO_MEMBER),
    ("fleet-findings", "GET"): Row("/fleet/findings/list", NO_MEMBER, FLEET_READERS),
    ("runtime-findings", "GET"): Row("/runtimes/{runtime}/findings"),
    ("look-at-runtime", "POST"): Row("/runtimes/{runtime}/findings/look", WORKERS, OPERATORS),
    ("finding-waivers", "POST"): Row(
        "/runtimes/{runtime}/findings/waivers", NO_MEMBER, OPERATORS, WAIVED_FINDING, answer=422
    ),
    ("finding-waiver", "DELETE"): Row(
        f"/runtimes/{{runtime}}/findings/waivers/{NOT_THERE}", NO_MEMBER, OPERATORS, answer=404
    ),
    ("why-not", "GET"): Row("/runtimes/{runtime}/why-not"),
    ("maintenance-windows", "GET"): Row("/maintenance-windows"),
    ("maintenance-windows", "POST"): Row("/maintenance-windows", WORKERS, OPERATORS, WEEKEND),
    ("maintenance-window", "DELETE"): Row("/maintenance-windows/{window}", WORKERS, OPERATORS),
    ("maintenance-exclusions", "GET"): Row("/maintenance-exclusions"),
    ("maintenance-exclusions", "POST"): Row("/maintenance-exclusions", WORKERS, OPERATORS, SHUT),
    ("maintenance-exclusion", "DELETE"): Row("/maintenance-exclusions/{exclusion}", WORKERS, OPERATORS),
    ("accounts", "GET"): Row("/accounts"),
    ("accounts", "POST"): Row("/accounts", ADMINS, frozenset({PlatformRole.ADMIN}), NEW_ACCOUNT),
    ("account", "GET"): Row("/accounts/{account}"),
    ("account", "PATCH"): Row("/accounts/{account}", ADMINS, NOBODY, {"name": "Other"}),
    ("move-account", "POST"): Row(
        "/accounts/{account}/move", NO_MEMBER, frozenset({PlatformRole.ADMIN}), MOVE
    ),
    ("quota", "GET"): Row("/quota?tenant=archipel"),
    ("tenant-quota", "POST"): Row(
        "/tenants/{tenant}/quota", NO_MEMBER, PLATFORM_ADMIN, {"runtimes": 900, **REASON}
    ),
    ("quota-requests", "GET"): Row("/quota-requests"),
    ("quota-requests", "POST"): Row(
        "/quota-requests", WORKERS, NOBODY, {"plan": "aws", "regions": ["eu-west-1"], **REASON, **HERE}
    ),
    ("quota-request", "GET"): Row("/quota-requests/{quota_request}"),
    **{
        (f"{verb}-quota-request", "POST"): Row(
            f"/quota-requests/{{quota_request}}/{verb}", NO_MEMBER, frozenset({PlatformRole.ADMIN}), REASON
        )
        for verb in ("approve", "decline")
    },
    ("withdraw-quota-request", "POST"): Row("/quota-requests/{quota_request}/withdraw", WORKERS, NOBODY),
    ("tenant-standing", "GET"): Row("/tenants/{tenant}/standing"),
    ("tenant-suspend", "POST"): Row("/tenants/{tenant}/suspend", NO_MEMBER, PLATFORM_ADMIN, {"note": "x"}),
    ("tenant-resume", "POST"): Row("/tenants/{tenant}/resume", NO_MEMBER, PLATFORM_ADMIN),
    ("tenant-deletion", "POST"): Row(
        "/tenants/{tenant}/deletion", OWNERS, PLATFORM_ADMIN, {"confirm": "archipel"}
    ),
    ("tenant-deletion", "DELETE"): Row("/tenants/{tenant}/deletion", OWNERS, PLATFORM_ADMIN),
    ("account-standing", "GET"): Row("/accounts/{account}/standing"),
    ("account-suspend", "POST"): Row("/accounts/{account}/suspend", ADMINS, PLATFORM_ADMIN, {"note": "x"}),
    ("account-resume", "POST"): Row("/accounts/{account}/resume", ADMINS, PLATFORM_ADMIN),
    ("account-deletion", "POST"): Row(
        "/accounts/{account}/deletion", ADMINS, PLATFORM_ADMIN, {"confirm": "shop"}
    ),
    ("account-deletion", "DELETE"): Row("/accounts/{account}/deletion", ADMINS, PLATFORM_ADMIN),
    ("statements", "GET"): Row("/statements", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement", "GET"): Row(STATEMENT, STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement-csv", "GET"): Row(f"{STATEMENT}.csv", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement-pdf", "GET"): Row(f"{STATEMENT}.pdf", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement-lines", "GET"): Row(f"{STATEMENT}/lines", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement-line", "GET"): Row(f"{STATEMENT}/lines/{{line}}", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("draft-statement", "POST"): Row(
        "/statements/draft", NO_MEMBER, STATEMENT_PLATFORM, {"month": "2026-06", **HERE}
    ),
    ("seal-statement", "POST"): Row(f"{STATEMENT}/seal", NO_MEMBER, STATEMENT_PLATFORM),
    ("check-statement", "GET"): Row(f"{STATEMENT}/check", NO_MEMBER, STATEMENT_PLATFORM),
    ("adjustments", "GET"): Row("/adjustments", NO_MEMBER, STATEMENT_PLATFORM),
    ("adjustments", "POST"): Row("/adjustments", NO_MEMBER, STATEMENT_PLATFORM, ADJUSTMENT),
    ("adjustment", "DELETE"): Row("/adjustments/{adjustment}", NO_MEMBER, STATEMENT_PLATFORM),
    ("roles", "GET"): Row("/roles", public=True),
    ("roles-page", "GET"): Row("/docs/roles", public=True),
    ("members", "GET"): Row("/members?tenant=archipel"),
    ("member", "GET"): Row("/members/{member}"),
    ("member", "PATCH"): Row("/members/{member}", ADMINS, NOBODY, {"role": "developer"}),
    ("member", "DELETE"): Row("/members/{member}", ADMINS, NOBODY),
    ("invitations", "GET"): Row("/invitations"),
    ("invitations", "POST"): Row("/invitations", ADMINS, NOBODY, INVITATION),
    ("invitation", "GET"): Row("/invitations/{invitation}"),
    ("invitation", "DELETE"): Row("/invitations/{invitation}", ADMINS, NOBODY),
    ("resend-invitation", "POST"): Row("/invitations/{invitation}/resend", ADMINS, NOBODY),
    ("tokens", "GET"): Row("/tokens", ADMINS, TOKEN_READERS),
    ("tokens", "POST"): Row("/tokens", ADMINS, NOBODY, {"name": "ci", "role": "viewer", **HERE}),
    ("token", "GET"): Row("/tokens/{token}", ADMINS, TOKEN_READERS),
    ("token", "DELETE"): Row("/tokens/{token}", ADMINS, NOBODY),
    ("rotate-token", "POST"): Row("/tokens/{token}/rotate", ADMINS, NOBODY, {"overlap_hours": 1}),
    ("service-accounts", "GET"): Row("/service-accounts", ADMINS, TOKEN_READERS),
    ("service-accounts", "POST"): Row(
        "/service-accounts", ADMINS, NOBODY, {"name": "ci", "role": "viewer", **HERE}
    ),
    ("service-account", "GET"): Row("/service-accounts/{service_account}", ADMINS, TOKEN_READERS),
    ("service-account", "PATCH"): Row(
        "/service-accounts/{service_account}", ADMINS, NOBODY, {"role": "developer"}
    ),
    ("service-account", "DELETE"): Row("/service-accounts/{service_account}", ADMINS, NOBODY),
    ("footprints", "GET"): Row("/footprint?tenant={tenant}"),
    ("footprint-summary", "GET"): Row("/footprint/summary?tenant={tenant}"),
    ("footprint-findings", "GET"): Row("/footprint/findings?tenant={tenant}"),
    ("fleet-footprint", "GET"): Row("/fleet/footprint", NO_MEMBER, FLEET_READERS),
    ("carbon-factors", "GET"): Row("/carbon-factors"),
    ("tenants", "GET"): Row("/tenants"),
    ("tenants", "POST"): Row("/tenants", NO_MEMBER, PLATFORM_ADMIN, NEW_TENANT),
    ("tenant", "GET"): Row("/tenants/{tenant}"),
    ("tenant", "PATCH"): Row("/tenants/{tenant}", OWNERS, PLATFORM_ADMIN, {"name": "Other"}),
    ("tenant-owner", "POST"): Row(
        "/tenants/{tenant}/owner", NO_MEMBER, PLATFORM_ADMIN, {"email": "new@example.org"}
    ),
    # These tokens are nobody's own: test_api_sessions.py has those that are.
    ("sessions", "GET"): Row("/sessions", NO_MEMBER, NOBODY),
    ("sessions", "DELETE"): Row("/sessions", NO_MEMBER, NOBODY),
    ("session", "DELETE"): Row("/sessions/019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41", NO_MEMBER, NOBODY),
    ("member-sessions", "GET"): Row("/members/{member}/sessions", ADMINS, NOBODY),
    ("member-sessions", "DELETE"): Row("/members/{member}/sessions", ADMINS, NOBODY),
    ("identity-providers", "GET"): Row("/identity-providers", ADMINS, NOBODY),
    ("identity-providers", "POST"): Row("/identity-providers", ADMINS, NOBODY, NEW_PROVIDER),
    ("identity-provider", "GET"): Row(PROVIDER, ADMINS, NOBODY),
    ("identity-provider", "PATCH"): Row(PROVIDER, ADMINS, NOBODY, {"contact": "Ada"}),
    ("identity-provider", "DELETE"): Row(PROVIDER, ADMINS, NOBODY),
    ("test-identity-provider", "POST"): Row(f"{PROVIDER}/test", ADMINS, NOBODY),
    # Strangers ask there, and a secret counts instead of a role: test_trials.py has both.
    ("trials", "POST"): Row("/trials", body=STRANGER, public=True, answer=202),
    ("trial", "GET"): Row("/trials/019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41", public=True, answer=404),
    ("usage-samples", "POST"): Row("/usage/samples", NO_MEMBER, OPERATORS, SAMPLES),
    ("usage-quarantine", "GET"): Row("/usage/quarantine", NO_MEMBER, OPERATORS),
    # A sample is the platform's, whoever's runtime it tells of.
    **{
        (f"{verb}-sample", "POST"): Row(
            f"/usage/quarantine/019a5b3e-7c11-7f0a-9d7e-2f6b1f0e9a41/{verb}",
            NO_MEMBER,
            OPERATORS,
            REASON,
            answer=404,
        )
        for verb in ("accept", "dismiss")
    },
    ("costs", "GET"): Row("/costs?tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-breakdown", "GET"): Row("/costs/breakdown?by=day&tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-forecast", "GET"): Row("/costs/forecast?tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-export", "GET"): Row("/costs/export?tenant=archipel", COST_READERS, FINANCIERS),
    ("budgets", "GET"): Row("/budgets", COST_READERS, FINANCIERS),
    ("budgets", "POST"): Row("/budgets", COST_MANAGERS, NOBODY, {"name": "New", "amount": "5", **HERE}),
    ("budget", "GET"): Row("/budgets/{budget}", COST_READERS, FINANCIERS),
    ("budget", "PATCH"): Row("/budgets/{budget}", COST_MANAGERS, NOBODY, {"amount": "5"}),
    ("budget", "DELETE"): Row("/budgets/{budget}", COST_MANAGERS, NOBODY),
    ("anomalies", "GET"): Row("/anomalies", COST_READERS, FINANCIERS),
    ("dismiss-anomaly", "POST"): Row("/anomalies/{anomaly}/dismiss", COST_MANAGERS, NOBODY, REASON),
    ("usage", "GET"): Row("/usage?tenant=archipel", SPENDERS, FINOPS),
    ("charges", "GET"): Row("/charges?tenant=archipel", BILLED, FINOPS),
    ("focus-exports", "GET"): Row("/focus-exports", NO_MEMBER, FINOPS),
    ("focus-exports", "POST"): Row("/focus-exports", NO_MEMBER, FINOPS, {"month": "2026-01"}),
    ("provider-bills", "GET"): Row("/provider-bills", NO_MEMBER, FINOPS),
    ("provider-bills", "POST"): Row(
        "/provider-bills", NO_MEMBER, FINOPS, {"provider": "aws", "source": "s3://bills/cur/"}
    ),
    ("bill-imports", "GET"): Row("/provider-bills/imports", NO_MEMBER, FINOPS),
    ("bill-import", "GET"): Row(f"/provider-bills/imports/{NOT_THERE}", NO_MEMBER, FINOPS, answer=404),
    ("reconciliation", "GET"): Row("/reconciliation", NO_MEMBER, FINOPS),
    ("margin", "GET"): Row("/margin?by=plan", NO_MEMBER, FINOPS),
    ("prices", "GET"): Row("/prices?tenant=archipel", COST_READERS, FINANCIERS),
    ("price-books", "GET"): Row("/prices/books", NO_MEMBER, FINOPS),
    ("price-book", "GET"): Row(BOOK, NO_MEMBER, FINOPS, answer=404),
    ("price-book-difference", "GET"): Row(f"{BOOK}/difference", NO_MEMBER, FINOPS, answer=404),
    ("price-book-what-if", "POST"): Row(f"{BOOK}/what-if", NO_MEMBER, FINOPS, {}, answer=404),
    ("price-proposals", "GET"): Row("/prices/proposals", NO_MEMBER, FINOPS),
    ("price-proposals", "POST"): Row("/prices/proposals", NO_MEMBER, FINOPS, {"document": "x"}),
    ("price-proposal", "GET"): Row(PROPOSAL, NO_MEMBER, FINOPS, answer=404),
    ("price-proposal", "DELETE"): Row(PROPOSAL, NO_MEMBER, FINOPS, answer=404),
    ("activate-price-proposal", "POST"): Row(f"{PROPOSAL}/activate", NO_MEMBER, FINOPS, answer=404),
    ("what-ifs", "GET"): Row("/prices/what-if", NO_MEMBER, FINOPS),
    ("what-if", "GET"): Row(f"/prices/what-if/{NOT_THERE}", NO_MEMBER, FINOPS, answer=404),
    ("what-if-tenants", "GET"): Row(f"/prices/what-if/{NOT_THERE}/tenants", NO_MEMBER, FINOPS, answer=404),
    ("price-proposal-what-if", "POST"): Row(f"{PROPOSAL}/what-if", NO_MEMBER, FINOPS, {}, answer=404),
    ("exchange-rates", "GET"): Row("/prices/exchange-rates", NO_MEMBER, FINOPS),
    ("exchange-rates", "POST"): Row("/prices/exchange-rates", NO_MEMBER, FINOPS, NEW_RATE),
    ("contracts", "GET"): Row("/agreements/contracts", NO_MEMBER, FINOPS),
    ("contracts", "POST"): Row("/agreements/contracts", NO_MEMBER, FINOPS, NEW_CONTRACT),
    ("end-contract", "POST"): Row(
        "/agreements/contracts/{contract}/end", NO_MEMBER, FINOPS, {"ends": "2027-01-01"}
    ),
    ("credits", "GET"): Row("/agreements/credits", NO_MEMBER, FINOPS),
    ("credits", "POST"): Row("/agreements/credits", NO_MEMBER, FINOPS, NEW_CREDIT),
    ("end-credit", "POST"): Row(
        "/agreements/credits/{credit}/end", NO_MEMBER, FINOPS, {"expires": "2027-01-01"}
    ),
    ("commitments", "GET"): Row("/agreements/commitments", NO_MEMBER, FINOPS),
    ("commitments", "POST"): Row("/agreements/commitments", NO_MEMBER, FINOPS, NEW_COMMITMENT),
    ("end-commitment", "POST"): Row(
        "/agreements/commitments/{commitment}/end", NO_MEMBER, FINOPS, {"ends": "2027-01-01"}
    ),
    ("webhooks", "GET"): Row("/webhooks", ADMINS, OPERATORS),
    ("webhooks", "POST"): Row(
        "/webhooks", ADMINS, NOBODY, {"url": "https://example.org/x", "kinds": ["usage.daily"], **HERE}
    ),
    ("webhook", "GET"): Row("/webhooks/{webhook}", ADMINS, NOBODY),
    ("webhook", "DELETE"): Row("/webhooks/{webhook}", ADMINS, NOBODY),
    ("test-webhook", "POST"): Row("/webhooks/{webhook}/test", ADMINS, NOBODY),
    ("runtimes", "GET"): Row("/runtimes"),
    ("runtimes", "POST"): Row("/runtimes", WORKERS, NOBODY, {**WISH, "name": "new", "tenant": "archipel"}),
    ("runtime", "GET"): Row("/runtimes/{runtime}"),
    ("runtime", "PATCH"): Row("/runtimes/{runtime}", WORKERS, NOBODY, {"labels": {"a": "b"}}),
    ("runtime", "DELETE"): Row("/runtimes/{runtime}", WORKERS, NOBODY),
    ("modules", "GET"): Row("/modules"),
    ("runtime-modules", "GET"): Row("/runtimes/{runtime}/modules"),
    ("runtime-modules", "POST"): Row("/runtimes/{runtime}/modules", WORKERS, NOBODY, {"module": "telemetry"}),
    ("runtime-module", "GET"): Row("/runtimes/{runtime}/modules/isolation"),
    ("runtime-module", "PATCH"): Row(
        "/runtimes/{runtime}/modules/api-gateway", WORKERS, NOBODY, {"settings": {"requestsPerSecond": 5}}
    ),
    ("runtime-module", "DELETE"): Row("/runtimes/{runtime}/modules/api-gateway", WORKERS, NOBODY),
    ("suspend-runtime", "POST"): Row("/runtimes/{runtime}/suspend", WORKERS, NOBODY),
    ("resume-runtime", "POST"): Row("/runtimes/{runtime}/resume", WORKERS, NOBODY),
    ("runtime-releases", "GET"): Row("/runtimes/{runtime}/releases"),
    ("upgrade-runtime", "POST"): Row("/runtimes/{runtime}/upgrade", WORKERS, OPERATORS, {}),
    ("pin-runtime", "POST"): Row("/runtimes/{runtime}/pin", WORKERS, OPERATORS),
    ("pin-runtime", "DELETE"): Row("/runtimes/{runtime}/pin", WORKERS, OPERATORS),
    ("kubeconfig", "POST"): Row("/runtimes/{runtime}/kubeconfig", WORKERS, NOBODY, {}),
    ("runtime-operations", "GET"): Row("/runtimes/{runtime}/operations"),
    ("operations", "GET"): Row("/operations"),
    ("operation", "GET"): Row("/operations/{operation}"),
    ("pause", "POST"): Row("/operations/{operation}/pause", WORKERS, OPERATORS, REASON),
    ("resume", "POST"): Row("/operations/{operation}/resume", WORKERS, OPERATORS, REASON),
    ("retry", "POST"): Row("/operations/{operation}/retry", WORKERS, OPERATORS, REASON),
    ("cancel", "POST"): Row("/operations/{operation}/cancel", WORKERS, OPERATORS, REASON),
    ("skip", "POST"): Row("/operations/{operation}/skip", NO_MEMBER, OPERATORS, REASON),
}
ENDPOINTS = sorted(ROWS)
LISTS = {
    "accounts",
    "anomalies",
    "budgets",
    "audit-exports",
    "runtimes",
    "operations",
    "members",
    "invitations",
    "tokens",
    "service-accounts",
    "quota-requests",
    "statements",
    "tenants",
    "identity-providers",
    "webhooks",
    "maintenance-windows",
    "maintenance-exclusions",
}
NONE: Mapping[str, str] = {}


def endpoints() -> Iterator[tuple[str, str]]:
    """Every address and method that the URL map serves."""
    for pattern in patterns_of(urlpatterns):
        view = getattr(pattern.callback, "view_class", None)
        methods = [
            method for method in ("GET", "POST", "PATCH", "PUT", "DELETE") if hasattr(view, method.lower())
        ]
        for method in methods if view else ["GET"]:
            assert view is None or contract_of(view, method), f"{pattern.name} {method} has no contract"
            yield str(pattern.name), method


def test_every_endpoint_has_a_row() -> None:
    assert set(endpoints()) == set(ROWS)


@pytest.fixture
def things(world: World) -> dict[str, str]:
    return things_of(world)


def sent(
    asking: Asking, endpoint: tuple[str, str], things: dict[str, str], headers: Mapping[str, str] = NONE
) -> Any:
    row = ROWS[endpoint]
    return asking.ask(endpoint[1], row.path.format(**things), row.body, headers)


def came_through(endpoint: tuple[str, str], response: Any) -> bool:
    wanted = ROWS[endpoint].answer
    return bool(response.status_code == wanted if wanted else response.status_code not in DENIED)


@pytest.mark.parametrize("role", list(Role))
def test_roles_of_the_tenant(world: World, things: dict[str, str], role: Role) -> None:
    asking = Asking(member(f"a-{role}", world.archipel, role))
    cells, before = Cells(), written()
    for endpoint in ENDPOINTS:
        with cells.cell(endpoint):
            response = sent(asking, endpoint, things)
            if role in ROWS[endpoint].roles or ROWS[endpoint].public:
                assert came_through(endpoint, response), response.content
            else:
                assert problem(response) == (403, "forbidden")
                assert written() == before
    cells.all_held(ENDPOINTS)


@pytest.mark.parametrize("role", sorted(PLATFORM))
def test_roles_of_the_platforms_team(world: World, things: dict[str, str], role: PlatformRole) -> None:
    _, token = issue_token(actor=SYSTEM, name=f"p-{role}", platform_role=role)
    asking, headers = Asking(token=token), OPENING if role == PlatformRole.SUPPORT else NONE
    cells = Cells()
    for endpoint in ENDPOINTS:
        with cells.cell(endpoint):
            response = sent(asking, endpoint, things, headers)
            if role in ROWS[endpoint].platform or ROWS[endpoint].public:
                assert came_through(endpoint, response), response.content
            else:
                assert problem(response) == (403, "forbidden")
    cells.all_held(ENDPOINTS)


@pytest.mark.parametrize("role", list(Role))
def test_every_role_of_another_tenant_finds_nothing(world: World, things: dict[str, str], role: Role) -> None:
    asking = Asking(member(f"b-{role}", world.basalt, role))
    cells, before = Cells(), written()
    for endpoint in ENDPOINTS:
        with cells.cell(endpoint):
            row, response = ROWS[endpoint], sent(asking, endpoint, things)
            assert written() == before
            if "{" in row.path:
                assert response.status_code == 404, response.content
                assert "checkout" not in response.content.decode()
            elif isinstance(row.body, dict) and "tenant" in row.body:
                assert problem(response)[0] == 403
            elif endpoint[0] in LISTS and response.status_code == 200:
                assert not set(things.values()) & {entry["id"] for entry in read(response)["results"]}
    cells.all_held(ENDPOINTS)


@pytest.mark.parametrize("body", [{"nonsense": 1}, [1], {}])
def test_what_is_another_tenants_is_not_there_however_wrong_the_body(
    world: World, things: dict[str, str], body: Any
) -> None:
    asking = Asking(member("b-owner", world.basalt, Role.OWNER))
    named = [one for one in ENDPOINTS if "{" in ROWS[one].path and one[1] in {"POST", "PATCH"}]
    cells = Cells()
    for endpoint in named:
        with cells.cell(endpoint):
            response = asking.ask(endpoint[1], ROWS[endpoint].path.format(**things), body, NONE)
            assert response.status_code == 404, response.content
    cells.all_held(named)


def test_without_a_token(world: World, things: dict[str, str]) -> None:
    cells = Cells()
    for endpoint in ENDPOINTS:
        with cells.cell(endpoint):
            response = sent(Asking(), endpoint, things)
            if ROWS[endpoint].public:
                assert response.status_code == (ROWS[endpoint].answer or 200)
            else:
                assert problem(response) == (401, "token_missing")
    cells.all_held(ENDPOINTS)
