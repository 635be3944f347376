"""Every page as every role, on its own tenant's things and on another's. A new address without a row here fails."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client

from controlplane.console.urls import urlpatterns
from controlplane.console.views.agreements_fleet import KINDS
from controlplane.console.views.operations import CONTROLS
from controlplane.tenants.access import SYSTEM, PlatformRole, Role
from controlplane.tenants.models import User
from controlplane.tenants.services import add_member, create_user
from provisioner.runtimes.models import Runtime
from tests.api.test_console_request_form import FILLED
from tests.matrix import (
    ADMINS,
    AUDITORS,
    COST_MANAGERS,
    COST_READERS,
    DENIED,
    EVERYONE,
    FINANCIERS,
    FINDING,
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
from tests.trialling import begin_trial
from tests.world import PASSWORD, World

pytestmark = pytest.mark.django_db

RUNTIME, OPERATION = "/runtimes/{runtime}", "/operations/{operation}"
NEW = "/runtimes/new?plan=aws"
PROVIDER = "/identity/{provider}"
UNKNOWN = "00000000-0000-7000-8000-000000000000"
FLEET = "/fleet/trials"
STATEMENT = "/statements/{statement}"
WEEKEND = {"do": "window", "days": ["sat"], "begin": "02:00", "end": "06:00", "time_zone": "UTC"}
RELEASE = "/fleet/releases/2026.9.1"
WAITS, WHY = f"/fleet/rollouts/{ROLLOUT}", {"reason": "for the test"}
ADJUSTMENT = {
    "tenant": "archipel",
    "category": "Credit",
    "amount": "-1.50",
    "currency": "EUR",
    "title": "Outage",
    "reason": "for the test",
}
PLATFORM_ADMIN = frozenset({PlatformRole.ADMIN})
STRANGER = {"email": "ada@engine.example", "company": "Engine Works", "region": "eu-central-1"}
NEW_TENANT = {"slug": "cobalt", "name": "Cobalt", "owner_email": "new@example.org"}
SEARCHED = dict.fromkeys(("q", "actor", "kind", "target", "request_id", "outcome", "since", "until"), "")
RULE = {"kind": "domain", "pattern": "evil.example", "why": "for the test"}
MOVERS = frozenset({PlatformRole.ADMIN})
FINOPS = frozenset({PlatformRole.FINOPS, PlatformRole.ADMIN})
MOVE = {"from": "archipel", "to": "nowhere", "reason": "for the test"}
HERE = {"tenant": "archipel"}
UPLOAD = f"/fleet/prices/uploads/{UNKNOWN}"
OPENING = {"tenant": "archipel", "reason": "for the test"}  # support says why, then looks
NEW_TOKEN = {"name": "ci", "role": "viewer", "scopes": "read", "expires_in_days": "30"}
THRESHOLDS = {"thresholds": "80", "forecast_thresholds": "100"}
ROWS: dict[tuple[str, str], Row] = {
    ("runtimes", "GET"): Row("/"),
    ("runtimes-live", "GET"): Row("/runtimes/live"),
    ("new-runtime", "GET"): Row(NEW, WORKERS, NOBODY),
    ("new-runtime", "POST"): Row(NEW, WORKERS, NOBODY, {**FILLED, "name": "new"}),
    ("new-runtime-size", "POST"): Row("/runtimes/new/size?plan=aws", WORKERS, NOBODY, FILLED),
    ("runtime", "GET"): Row(f"{RUNTIME}/"),
    ("runtime-live", "GET"): Row(f"{RUNTIME}/live"),
    ("runtime-operations", "GET"): Row(f"{RUNTIME}/operations"),
    ("change-runtime", "GET"): Row(f"{RUNTIME}/change", WORKERS, NOBODY),
    ("change-runtime", "POST"): Row(f"{RUNTIME}/change", WORKERS, NOBODY, {**FILLED, "step": "save"}),
    ("runtime-labels", "GET"): Row(f"{RUNTIME}/labels", WORKERS, NOBODY),
    ("runtime-labels", "POST"): Row(f"{RUNTIME}/labels", WORKERS, NOBODY, {"labels": "a=b"}),
    ("kubeconfig", "GET"): Row(f"{RUNTIME}/kubeconfig", EVERYONE - {Role.FINANCE}, NOBODY),
    ("kubeconfig", "POST"): Row(
        f"{RUNTIME}/kubeconfig", EVERYONE - {Role.FINANCE}, NOBODY, {"lifetime": "3600"}
    ),
    ("runtime-modules", "GET"): Row(f"{RUNTIME}/modules/", WORKERS, NOBODY),
    ("look-at-runtime", "POST"): Row(f"{RUNTIME}/findings/look", WORKERS, OPERATORS),
    ("runtime-module", "GET"): Row(f"{RUNTIME}/modules/telemetry", WORKERS, NOBODY),
    ("runtime-module", "POST"): Row(
        f"{RUNTIME}/modules/telemetry",
        WORKERS,
        NOBODY,
        {"settings.signals": "logs", "settings.samplingPercent": "1"},
    ),
    ("remove-module", "GET"): Row(f"{RUNTIME}/modules/api-gateway/remove", WORKERS, NOBODY),
    ("remove-module", "POST"): Row(f"{RUNTIME}/modules/api-gateway/remove", WORKERS, NOBODY),
    ("upgrade-runtime", "GET"): Row(f"{RUNTIME}/upgrade", WORKERS, OPERATORS),
    ("upgrade-runtime", "POST"): Row(f"{RUNTIME}/upgrade", WORKERS, OPERATORS, {"do": "pin"}),
    ("delete-runtime", "GET"): Row(f"{RUNTIME}/delete", WORKERS, NOBODY),
    ("delete-runtime", "POST"): Row(f"{RUNTIME}/delete", WORKERS, NOBODY, {"confirm": "checkout"}),
    **{
        (f"{verb}-runtime", method): Row(f"{RUNTIME}/{verb}", WORKERS, NOBODY)
        for verb in ("suspend", "resume")
        for method in ("GET", "POST")
    },
    ("quota", "GET"): Row("/quota/?tenant=archipel"),
    ("quota", "POST"): Row(
        "/quota/", WORKERS, NOBODY, {"plan": "", "runtimes": "900", "reason": "for the test"}
    ),
    ("withdraw-quota", "POST"): Row("/quota/{quota_request}/withdraw", WORKERS, NOBODY),
    ("footprint", "GET"): Row("/footprint"),
    ("footprint-one", "GET"): Row("/footprint/{runtime}"),
    ("fleet-footprint", "GET"): Row("/fleet/footprint", NO_MEMBER, FLEET_READERS),
    ("methodology", "GET"): Row("/methodology"),
    ("fleet-quota", "GET"): Row("/fleet/quota", NO_MEMBER, PLATFORM_ADMIN),
    ("grant-quota", "GET"): Row("/fleet/quota/tenants/{tenant}", NO_MEMBER, PLATFORM_ADMIN),
    ("grant-quota", "POST"): Row(
        "/fleet/quota/tenants/{tenant}",
        NO_MEMBER,
        PLATFORM_ADMIN,
        {"runtimes": "900", "reason": "for the test"},
    ),
    ("answer-quota", "POST"): Row(
        f"/fleet/quota/{UNKNOWN}", NO_MEMBER, PLATFORM_ADMIN, {"verb": "decline"}, answer=404
    ),
    ("standing", "GET"): Row("/standing/account/{account}"),
    ("standing", "POST"): Row("/standing/account/{account}", ADMINS, PLATFORM_ADMIN, {"do": "suspend"}),
    ("costs", "GET"): Row("/costs/?tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-export", "GET"): Row("/costs/export?tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-day", "GET"): Row("/costs/days/2026-06-01?tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-one", "GET"): Row("/costs/runtimes/{runtime}/?tenant=archipel", COST_READERS, FINANCIERS),
    ("cost-one-day", "GET"): Row(
        "/costs/runtimes/{runtime}/2026-06-01?tenant=archipel", COST_READERS, FINANCIERS
    ),
    ("new-budget", "GET"): Row("/costs/budgets/new", COST_MANAGERS, NOBODY),
    ("new-budget", "POST"): Row(
        "/costs/budgets/new",
        COST_MANAGERS,
        NOBODY,
        {"name": "New", "account": "", "amount": "5", "kind": "amount", **THRESHOLDS},
    ),
    ("budget", "GET"): Row("/costs/budgets/{budget}/", COST_MANAGERS, NOBODY),
    ("budget", "POST"): Row(
        "/costs/budgets/{budget}/", COST_MANAGERS, NOBODY, {"name": "B", "amount": "5", **THRESHOLDS}
    ),
    ("remove-budget", "POST"): Row("/costs/budgets/{budget}/remove", COST_MANAGERS, NOBODY, {}),
    ("dismiss-anomaly", "POST"): Row(
        "/costs/anomalies/{anomaly}/dismiss", COST_MANAGERS, NOBODY, {"reason": "for the test"}
    ),
    ("operation", "GET"): Row(f"{OPERATION}/"),
    ("operation-live", "GET"): Row(f"{OPERATION}/live"),
    ("cancel-operation", "GET"): Row(f"{OPERATION}/cancel", WORKERS, OPERATORS),
    ("cancel-operation", "POST"): Row(f"{OPERATION}/cancel", WORKERS, OPERATORS, {"reason": "for the test"}),
    ("skip-step", "GET"): Row(f"{OPERATION}/skip", NO_MEMBER, OPERATORS),
    ("skip-step", "POST"): Row(f"{OPERATION}/skip", NO_MEMBER, OPERATORS, {"reason": "for the test"}),
    **{
        (f"control-operation {verb}", "POST"): Row(f"{OPERATION}/{verb}", WORKERS, OPERATORS, {})
        for verb in CONTROLS
    },
    ("accounts", "GET"): Row("/accounts/"),
    ("accounts", "POST"): Row("/accounts/", ADMINS, NOBODY, {"slug": "labor", "name": "Labor"}),
    ("audit", "GET"): Row("/audit/", ADMINS, AUDITORS),
    ("audit-export", "GET"): Row("/audit/export", ADMINS, AUDITORS),
    ("audit-ship", "POST"): Row("/audit/exports", ADMINS, AUDITORS, SEARCHED),
    ("maintenance", "GET"): Row("/maintenance/"),
    ("maintenance", "POST"): Row("/maintenance/", WORKERS, OPERATORS, WEEKEND),
    ("remove-window", "POST"): Row("/maintenance/windows/{window}/remove", WORKERS, OPERATORS),
    ("remove-exclusion", "POST"): Row("/maintenance/exclusions/{exclusion}/remove", WORKERS, OPERATORS),
    ("account", "GET"): Row("/accounts/{account}/"),
    ("account", "POST"): Row("/accounts/{account}/", ADMINS, NOBODY, {"name": "Other"}),
    ("move-account", "GET"): Row("/accounts/{account}/move", NO_MEMBER, MOVERS),
    ("move-account", "POST"): Row("/accounts/{account}/move", NO_MEMBER, MOVERS, MOVE),
    ("statements", "GET"): Row("/statements/", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement", "GET"): Row(f"{STATEMENT}/", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement-file", "GET"): Row(f"{STATEMENT}/as/csv", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("statement-line", "GET"): Row(f"{STATEMENT}/lines/{{line}}", STATEMENT_READERS, STATEMENT_PLATFORM),
    ("draft-statement", "GET"): Row("/statements/draft", NO_MEMBER, STATEMENT_PLATFORM),
    ("draft-statement", "POST"): Row(
        "/statements/draft", NO_MEMBER, STATEMENT_PLATFORM, {"tenant": "archipel", "month": "2026-06"}
    ),
    ("adjust-statement", "GET"): Row("/statements/adjust", NO_MEMBER, STATEMENT_PLATFORM),
    ("adjust-statement", "POST"): Row("/statements/adjust", NO_MEMBER, STATEMENT_PLATFORM, ADJUSTMENT),
    ("withdraw-adjustment", "POST"): Row(
        "/statements/adjustments/{adjustment}/withdraw", NO_MEMBER, STATEMENT_PLATFORM, {}
    ),
    ("seal-statement", "GET"): Row(f"{STATEMENT}/seal", NO_MEMBER, STATEMENT_PLATFORM),
    ("seal-statement", "POST"): Row(f"{STATEMENT}/seal", NO_MEMBER, STATEMENT_PLATFORM, {}),
    ("check-statement", "POST"): Row(f"{STATEMENT}/check", NO_MEMBER, STATEMENT_PLATFORM, {}),
    ("team", "GET"): Row("/team/"),
    ("team", "POST"): Row("/team/", ADMINS, NOBODY, {"email": "new@example.org", "role": "viewer"}),
    ("roles", "GET"): Row("/team/roles"),
    ("leave-tenant", "POST"): Row("/team/leave", EVERYONE, NOBODY, {}),
    ("member", "GET"): Row("/team/{member}/", ADMINS, NOBODY),
    ("member", "POST"): Row("/team/{member}/", ADMINS, NOBODY, {"role": "developer"}),
    ("remove-member", "POST"): Row("/team/{member}/remove", ADMINS, NOBODY, {}),
    ("resend-invitation", "POST"): Row("/team/invitations/{invitation}/resend", ADMINS, NOBODY, {}),
    ("revoke-invitation", "POST"): Row("/team/invitations/{invitation}/revoke", ADMINS, NOBODY, {}),
    ("tokens", "GET"): Row("/tokens/", ADMINS, TOKEN_READERS),
    ("tokens", "POST"): Row("/tokens/", ADMINS, NOBODY, NEW_TOKEN),
    ("rotate-token", "GET"): Row("/tokens/{token}/rotate", ADMINS, NOBODY),
    ("rotate-token", "POST"): Row("/tokens/{token}/rotate", ADMINS, NOBODY, {"overlap_hours": "1"}),
    ("revoke-token", "POST"): Row("/tokens/{token}/revoke", ADMINS, NOBODY, {}),
    ("broker", "GET"): Row("/broker/", ADMINS, NOBODY),
    ("broker", "POST"): Row("/broker/", ADMINS, NOBODY, {"name": "Marketplace"}),
    ("rotate-broker", "GET"): Row("/broker/{credential}/rotate", ADMINS, NOBODY),
    ("rotate-broker", "POST"): Row("/broker/{credential}/rotate", ADMINS, NOBODY, {"overlap_hours": "1"}),
    ("revoke-broker", "POST"): Row("/broker/{credential}/revoke", ADMINS, NOBODY, {}),
    ("service-accounts", "GET"): Row("/service-accounts/", ADMINS, TOKEN_READERS),
    ("service-accounts", "POST"): Row("/service-accounts/", ADMINS, NOBODY, {"name": "ci", "role": "viewer"}),
    ("remove-service-account", "POST"): Row("/service-accounts/{service_account}/remove", ADMINS, NOBODY, {}),
    ("join", "GET"): Row("/join/unknown", public=True, answer=410),
    ("join", "POST"): Row("/join/unknown", public=True, answer=410),
    ("open-tenant", "GET"): Row("/open-tenant", NO_MEMBER, frozenset({PlatformRole.SUPPORT})),
    ("open-tenant", "POST"): Row("/open-tenant", NO_MEMBER, frozenset({PlatformRole.SUPPORT}), OPENING),
    ("close-tenant", "POST"): Row("/open-tenant/close", body={}),
    ("sign-in", "GET"): Row("/sign-in", public=True),
    ("sign-in", "POST"): Row("/sign-in", body={"username": "x", "password": "y"}, public=True),
    ("sign-in-company", "POST"): Row("/sign-in/company", body={"email": "a@nobody.example"}, public=True),
    ("sign-in-with", "GET"): Row(f"/sign-in/with/{UNKNOWN}", public=True, answer=404),
    ("sign-in-callback", "GET"): Row(f"/sign-in/callback/{UNKNOWN}", public=True, answer=403),
    ("sign-in-ended", "POST"): Row(f"/sign-in/ended/{UNKNOWN}", body={}, public=True, answer=400),
    ("signed-out", "GET"): Row("/signed-out", public=True, answer=302),
    ("sessions", "GET"): Row("/sessions/"),
    ("end-other-sessions", "POST"): Row("/sessions/end-others", body={}),
    ("end-session", "POST"): Row(f"/sessions/{UNKNOWN}/end", body={}),
    ("member-sessions", "GET"): Row("/members/{member}/sessions", ADMINS, NOBODY),
    ("member-sessions", "POST"): Row("/members/{member}/sessions", ADMINS, NOBODY, {}),
    ("identity", "GET"): Row("/identity/", ADMINS, NOBODY),
    ("new-identity-provider", "GET"): Row("/identity/new", ADMINS, NOBODY),
    ("new-identity-provider", "POST"): Row("/identity/new", ADMINS, NOBODY, {"name": "Labor SSO"}),
    ("identity-provider", "GET"): Row(f"{PROVIDER}/", ADMINS, NOBODY),
    ("identity-provider", "POST"): Row(f"{PROVIDER}/", ADMINS, NOBODY, {"name": "Labor SSO"}),
    ("remove-identity-provider", "GET"): Row(f"{PROVIDER}/remove", ADMINS, NOBODY),
    ("remove-identity-provider", "POST"): Row(f"{PROVIDER}/remove", ADMINS, NOBODY, {}),
    ("trial", "GET"): Row("/trial", public=True),
    ("trial", "POST"): Row("/trial", body=STRANGER, public=True),
    ("trial-confirm", "GET"): Row("/trial/confirm/x", public=True, answer=410),
    ("trial-confirm", "POST"): Row("/trial/confirm/x", body={}, public=True, answer=410),
    ("trial-sign-in", "GET"): Row("/trial/sign-in", public=True),
    ("trial-sign-in", "POST"): Row("/trial/sign-in", body=STRANGER, public=True),
    ("trial-open-link", "GET"): Row("/trial/sign-in/x", public=True),
    ("trial-open-link", "POST"): Row("/trial/sign-in/x", body={}, public=True, answer=410),
    ("trial-mine", "GET"): Row("/trial/mine", platform=frozenset({PlatformRole.SUPPORT})),
    ("trial-extend", "POST"): Row("/trial/mine/extend", ADMINS, NOBODY, {}),
    ("trial-convert", "POST"): Row("/trial/mine/convert", ADMINS, NOBODY, {"plan": "aws"}),
    ("fleet-overview", "GET"): Row("/fleet/", NO_MEMBER, FLEET_READERS),
    ("fleet-overview-live", "GET"): Row("/fleet/live", NO_MEMBER, FLEET_READERS),
    ("fleet-stop", "GET"): Row("/fleet/stop", NO_MEMBER, OPERATORS),
    ("fleet-stop", "POST"): Row(
        "/fleet/stop", NO_MEMBER, OPERATORS, {"do": "stop", "reason": "for the test"}
    ),
    ("fleet-rollouts", "GET"): Row("/fleet/rollouts", NO_MEMBER, FLEET_READERS),
    ("fleet-new-rollout", "GET"): Row("/fleet/rollouts/new", NO_MEMBER, OPERATORS),
    ("fleet-new-rollout", "POST"): Row("/fleet/rollouts/new", NO_MEMBER, OPERATORS, {"selector": "all"}),
    ("fleet-rollout", "GET"): Row(f"{WAITS}/", NO_MEMBER, FLEET_READERS),
    ("fleet-rollout-live", "GET"): Row(f"{WAITS}/live", NO_MEMBER, FLEET_READERS),
    ("fleet-rollout-health", "GET"): Row(f"{WAITS}/health", NO_MEMBER, FLEET_READERS),
    ("fleet-rollout-targets", "GET"): Row(f"{WAITS}/targets", NO_MEMBER, FLEET_READERS),
    ("fleet-rollout-control", "GET"): Row(f"{WAITS}/pause", NO_MEMBER, OPERATORS),
    ("fleet-rollout-control", "POST"): Row(f"{WAITS}/pause", NO_MEMBER, OPERATORS, WHY),
    ("fleet-rollout-gate", "GET"): Row(f"{WAITS}/gates/{GATE}/approve", NO_MEMBER, OPERATORS),
    ("fleet-rollout-gate", "POST"): Row(f"{WAITS}/gates/{GATE}/approve", NO_MEMBER, OPERATORS, WHY),
    ("fleet-rollout-steer", "GET"): Row(f"{WAITS}/targets/skip?state=planned", NO_MEMBER, OPERATORS),
    ("fleet-rollout-steer", "POST"): Row(
        f"{WAITS}/targets/skip", NO_MEMBER, OPERATORS, {**WHY, "state": "planned"}
    ),
    ("fleet-releases", "GET"): Row("/fleet/releases", NO_MEMBER, FLEET_READERS),
    ("fleet-release", "GET"): Row(f"{RELEASE}/", NO_MEMBER, FLEET_READERS),
    ("fleet-publish-release", "GET"): Row("/fleet/releases/2026.12.1/publish", NO_MEMBER, OPERATORS),
    ("fleet-publish-release", "POST"): Row("/fleet/releases/2026.12.1/publish", NO_MEMBER, OPERATORS, {}),
    ("fleet-withdraw-release", "GET"): Row(f"{RELEASE}/withdraw", NO_MEMBER, OPERATORS),
    ("fleet-withdraw-release", "POST"): Row(f"{RELEASE}/withdraw", NO_MEMBER, OPERATORS, WHY),
    ("fleet-point-channel", "GET"): Row("/fleet/channels/regular", NO_MEMBER, OPERATORS),
    ("fleet-point-channel", "POST"): Row(
        "/fleet/channels/regular", NO_MEMBER, OPERATORS, {"release": "2026.9.1"}
    ),
    ("fleet-left-behind", "GET"): Row("/fleet/left-behind", NO_MEMBER, FLEET_READERS),
    ("fleet-waive", "GET"): Row("/fleet/left-behind/{runtime}", NO_MEMBER, OPERATORS),
    ("fleet-waive", "POST"): Row(
        "/fleet/left-behind/{runtime}", NO_MEMBER, OPERATORS, {**WHY, "owner": "ada"}
    ),
    ("fleet-unwaive", "POST"): Row(f"/fleet/left-behind/waivers/{WAIVER}/revoke", NO_MEMBER, OPERATORS),
    ("fleet-findings", "GET"): Row("/fleet/findings", NO_MEMBER, FLEET_READERS),
    ("fleet-waive-finding", "GET"): Row(f"/fleet/findings/{FINDING}/waive", NO_MEMBER, OPERATORS),
    ("fleet-waive-finding", "POST"): Row(
        f"/fleet/findings/{FINDING}/waive", NO_MEMBER, OPERATORS, {**WHY, "owner": "ada"}
    ),
    ("fleet-runtimes", "GET"): Row("/fleet/runtimes", NO_MEMBER, FLEET_READERS),
    ("fleet-runtime", "GET"): Row("/fleet/runtimes/{runtime}/", NO_MEMBER, FLEET_READERS),
    ("fleet-runtime-live", "GET"): Row("/fleet/runtimes/{runtime}/live", NO_MEMBER, FLEET_READERS),
    ("fleet-webhooks", "GET"): Row("/fleet/webhooks", NO_MEMBER, OPERATORS),
    ("fleet-webhooks", "POST"): Row("/fleet/webhooks", NO_MEMBER, OPERATORS, {"url": "x"}),
    ("fleet-test-webhook", "POST"): Row(f"/fleet/webhooks/{UNKNOWN}/test", NO_MEMBER, OPERATORS, answer=404),
    ("fleet-remove-webhook", "POST"): Row(
        f"/fleet/webhooks/{UNKNOWN}/remove", NO_MEMBER, OPERATORS, answer=404
    ),
    ("fleet-trials", "GET"): Row(FLEET, NO_MEMBER, OPERATORS),
    ("fleet-trials-offer", "POST"): Row(f"{FLEET}/offer", NO_MEMBER, PLATFORM_ADMIN, {"places": "5"}),
    ("fleet-trials-rule", "POST"): Row(f"{FLEET}/rules", NO_MEMBER, PLATFORM_ADMIN, RULE),
    ("fleet-trials-lift", "POST"): Row(
        f"{FLEET}/rules/{UNKNOWN}/lift", NO_MEMBER, PLATFORM_ADMIN, {}, answer=404
    ),
    ("fleet-trial-reject", "POST"): Row(
        f"{FLEET}/{UNKNOWN}/reject", NO_MEMBER, PLATFORM_ADMIN, {}, answer=409
    ),
    ("fleet-trial-retry", "POST"): Row(f"{FLEET}/{UNKNOWN}/retry", NO_MEMBER, PLATFORM_ADMIN, {}, answer=404),
    ("fleet-exports", "GET"): Row("/fleet/exports", NO_MEMBER, FINOPS),
    ("fleet-exports", "POST"): Row(
        "/fleet/exports", NO_MEMBER, FINOPS, {"month": "2026-01", "kind": "1.4/csv"}
    ),
    ("fleet-quarantine", "GET"): Row("/fleet/quarantine", NO_MEMBER, FLEET_READERS),
    ("fleet-quarantined", "GET"): Row(f"/fleet/quarantine/{UNKNOWN}", NO_MEMBER, FLEET_READERS, answer=404),
    ("fleet-quarantined", "POST"): Row(
        f"/fleet/quarantine/{UNKNOWN}", NO_MEMBER, FLEET_READERS, {"do": "accept", "reason": "x"}, answer=404
    ),
    ("fleet-bills", "GET"): Row("/fleet/bills", NO_MEMBER, FINOPS),
    ("fleet-bills", "POST"): Row(
        "/fleet/bills", NO_MEMBER, FINOPS, {"provider": "aws", "source": "s3://bills/cur/"}
    ),
    ("fleet-bill", "GET"): Row(f"/fleet/bills/{UNKNOWN}", NO_MEMBER, FINOPS, answer=404),
    ("fleet-bill", "POST"): Row(f"/fleet/bills/{UNKNOWN}", NO_MEMBER, FINOPS, {"reason": "x"}, answer=404),
    ("fleet-margin", "GET"): Row("/fleet/margin", NO_MEMBER, FINOPS),
    ("cost-prices", "GET"): Row("/costs/prices?tenant=archipel", COST_READERS, FINANCIERS),
    ("fleet-prices", "GET"): Row("/fleet/prices", NO_MEMBER, FINOPS),
    ("fleet-prices", "POST"): Row("/fleet/prices", NO_MEMBER, FINOPS, {"document": "x"}),
    ("fleet-what-if", "GET"): Row("/fleet/prices/what-if", NO_MEMBER, FINOPS),
    ("fleet-what-if", "POST"): Row("/fleet/prices/what-if", NO_MEMBER, FINOPS, {"book": "x/1"}, answer=404),
    ("fleet-what-if-one", "GET"): Row(f"/fleet/prices/what-if/{UNKNOWN}/", NO_MEMBER, FINOPS, answer=404),
    ("fleet-what-if-live", "GET"): Row(
        f"/fleet/prices/what-if/{UNKNOWN}/live", NO_MEMBER, FINOPS, answer=404
    ),
    ("fleet-price-book", "GET"): Row("/fleet/prices/books/x/1", NO_MEMBER, FINOPS, answer=404),
    ("fleet-price-proposal", "GET"): Row(UPLOAD, NO_MEMBER, FINOPS, answer=404),
    ("fleet-price-activate", "POST"): Row(f"{UPLOAD}/activate", NO_MEMBER, FINOPS, {}, answer=404),
    ("fleet-price-withdraw", "POST"): Row(f"{UPLOAD}/withdraw", NO_MEMBER, FINOPS, {}, answer=404),
    ("fleet-rates", "GET"): Row("/fleet/rates", NO_MEMBER, FINOPS),
    ("fleet-rates", "POST"): Row("/fleet/rates", NO_MEMBER, FINOPS, {"base": "USD"}),
    ("fleet-agreements", "GET"): Row("/fleet/agreements", NO_MEMBER, FINOPS),
    **{
        (f"fleet-agree {kind}", method): Row(f"/fleet/agreements/{kind}/new", NO_MEMBER, FINOPS, HERE)
        for kind in KINDS
        for method in ("GET", "POST")
    },
    **{
        (f"fleet-agreement {kind}", method): Row(
            f"/fleet/agreements/{kind}/{{{kind}}}",
            NO_MEMBER,
            FINOPS,
            {"ends": "2028-07-01", "expires": "2028-07-01"},
        )
        for kind in KINDS
        for method in ("GET", "POST")
    },
    ("fleet-tenants", "GET"): Row("/fleet/tenants", NO_MEMBER, PLATFORM - {PlatformRole.SUPPORT}),
    ("fleet-tenants", "POST"): Row("/fleet/tenants", NO_MEMBER, PLATFORM_ADMIN, NEW_TENANT),
    **{
        ("fleet-tenant-owner", method): Row(
            f"/fleet/tenants/{UNKNOWN}/owner", NO_MEMBER, PLATFORM_ADMIN, NEW_TENANT, answer=404
        )
        for method in ("GET", "POST")
    },
    ("mailbox", "GET"): Row("/mailbox", public=True),
    ("mail", "GET"): Row(f"/mailbox/{UNKNOWN}", public=True, answer=404),
    ("sign-out", "POST"): Row("/sign-out", public=True),
    ("choose-tenant", "POST"): Row("/tenant", body={"tenant": "archipel"}),
    ("choose-theme", "POST"): Row("/theme", body={"theme": "dark"}, public=True),
}
IDS = (
    "statement",
    "adjustment",
    "runtime",
    "operation",
    "account",
    "provider",
    "member",
    "invitation",
    "token",
    "service_account",
    "credential",
    "quota_request",
    "tenant",
    "line",
    "budget",
    "anomaly",
    "contract",
    "credit",
    "commitment",
)
PAGES = sorted(ROWS)
each_role = pytest.mark.parametrize("role", list(Role))


@pytest.fixture
def things(world: World) -> dict[str, str]:
    cache.clear()
    things = things_of(world)
    begin_trial(world.archipel, Runtime.objects.get(pk=things["runtime"]), owner=world.alice.user)
    return things


def methods_of(name: str) -> Iterator[str]:
    """What the view behind an address takes, as it says itself when asked for something else."""
    ids = {**dict.fromkeys(IDS, UNKNOWN), "window": "1", "exclusion": "1"}
    path = next(row.path for (known, _), row in ROWS.items() if known.split()[0] == name)
    refused = Client().put(path.format(**ids))
    assert refused.status_code == 405, name
    yield from (method for method in refused["Allow"].split(", ") if method != "HEAD")


def test_every_address_and_method_has_a_row() -> None:
    served = {(str(p.name), method) for p in patterns_of(urlpatterns) for method in methods_of(str(p.name))}
    assert served == {(name.split()[0], method) for name, method in ROWS}


def member_of(world: World, tenant: str, role: Role) -> Client:
    user = create_user(actor=SYSTEM, username=f"{tenant}-{role}", password=PASSWORD)
    add_member(actor=SYSTEM, tenant=getattr(world, tenant), user=user, role=role)
    return signed_in(user)


def signed_in(user: User) -> Client:
    """Somebody whose session is noted, as after every sign-in: else each request would be its first and note it."""
    client = Client()
    client.force_login(user)
    assert client.get("/sign-in").status_code == 302
    return client


def afresh(client: Client) -> Client:
    """The same person at a browser that has seen no page yet: whatever a page sets or counts is not the next one's."""
    cache.clear()
    other = Client()
    other.handler = client.handler  # its middleware keeps nothing, and takes as long to make as a page
    other.cookies = deepcopy(client.cookies)
    return other


def sent(client: Client, page: tuple[str, str], things: dict[str, str]) -> Any:
    row = ROWS[page]
    path = row.path.format(**things)
    return client.get(path) if page[1] == "GET" else client.post(path, row.body or {})


def let_in(response: Any) -> bool:
    return not (response.status_code in DENIED or to_sign_in(response))


def came_through(row: Row, response: Any) -> bool:
    return response.status_code == row.answer if row.answer else let_in(response)


def to_sign_in(response: Any) -> bool:
    return response.status_code == 302 and str(response["Location"]).startswith("/sign-in")


@each_role
def test_roles_of_the_tenant(world: World, things: dict[str, str], role: Role) -> None:
    client, cells, before = member_of(world, "archipel", role), Cells(), written()
    for page in PAGES:
        with cells.cell(page):
            row, response = ROWS[page], sent(afresh(client), page, things)
            if row.public or role in row.roles:
                assert came_through(row, response) or page[0] == "sign-out", response.status_code
            else:
                assert response.status_code == 403
                assert "You may not do this" in response.content.decode()
                assert written() == before
    cells.all_held(PAGES)


@pytest.mark.parametrize("role", sorted(PLATFORM))
def test_roles_of_the_platforms_team(world: World, things: dict[str, str], role: PlatformRole) -> None:
    user = create_user(actor=SYSTEM, username=f"p-{role}", password=PASSWORD, platform_role=role)
    client = signed_in(user)
    if role == PlatformRole.SUPPORT:
        assert client.post("/open-tenant", OPENING).status_code == 302
    cells, before = Cells(), written()
    for page in PAGES:
        with cells.cell(page):
            row, response = ROWS[page], sent(afresh(client), page, things)
            if row.public or role in row.platform:
                assert came_through(row, response) or page[0] == "sign-out", response.status_code
            else:
                assert response.status_code == 403
                assert written() == before
    cells.all_held(PAGES)


@each_role
def test_every_role_of_another_tenant_finds_nothing(world: World, things: dict[str, str], role: Role) -> None:
    assert world.main.tenant == world.basalt
    client, cells, before = member_of(world, "basalt", role), Cells(), written()
    named = [thing for thing in things.values() if not thing.isdigit()]  # a number stands on any page
    for page in PAGES:
        with cells.cell(page):
            response = sent(afresh(client), page, things)
            after = written()
            shown = b"".join(response).decode()
            if "{" in ROWS[page].path:
                assert response.status_code == 404
                assert after == before
            else:
                assert not any(thing in shown for thing in named)
            assert "checkout" not in shown
            assert "Archipel" not in shown
            if page == ("new-runtime", "POST"):
                assert after == before  # the account that it names is Archipel's
    cells.all_held(PAGES)


def test_nobody_in_particular(world: World, things: dict[str, str]) -> None:
    cells, before = Cells(), written()
    for page in PAGES:
        with cells.cell(page):
            cache.clear()
            response = sent(Client(), page, things)
            assert written() == before
            assert ROWS[page].public or to_sign_in(response)
            assert response.status_code in {200, 302, 422, ROWS[page].answer}
    cells.all_held(PAGES)


def test_somebody_with_no_role_anywhere_is_let_in_nowhere(world: World, things: dict[str, str]) -> None:
    loner = create_user(actor=SYSTEM, username="loner", password=PASSWORD, platform_role=PlatformRole.NONE)
    client = signed_in(loner)
    for page in PAGES:
        if not ROWS[page].public:
            assert sent(afresh(client), page, things).status_code == 403, page
