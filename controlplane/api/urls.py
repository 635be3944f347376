"""The REST API's addresses."""

from __future__ import annotations

from django.urls import path

from controlplane.api.views import (
    accounts,
    audit,
    footprint,
    identity,
    kubeconfigs,
    operations,
    plans,
    quota,
    reference,
    runtimes,
    sessions,
    standing,
    suspension,
    team,
    tenants,
    tokens,
    usage,
)
from controlplane.api.views.trials import TrialDetail, TrialList

app_name = "api"
urlpatterns = [
    path("", reference.Index.as_view(), name="index"),
    path("schema", reference.Schema.as_view(), name="schema"),
    path("docs", reference.docs, name="docs"),
    path("docs/roles", reference.roles_page, name="roles-page"),
    path("roles", reference.Roles.as_view(), name="roles"),
    path("me", accounts.Me.as_view(), name="me"),
    path("audit", audit.AuditList.as_view(), name="audit"),
    path("audit/export", audit.AuditExport.as_view(), name="audit-export"),
    path("plans", plans.PlanList.as_view(), name="plans"),
    path("plans/<str:key>", plans.PlanDetail.as_view(), name="plan"),
    path("regions", plans.RegionList.as_view(), name="regions"),
    path("accounts", accounts.AccountList.as_view(), name="accounts"),
    path("accounts/<str:account>", accounts.AccountDetail.as_view(), name="account"),
    path("accounts/<str:account>/move", accounts.AccountMove.as_view(), name="move-account"),
    path("members", team.MemberList.as_view(), name="members"),
    path("members/<str:member>", team.MemberDetail.as_view(), name="member"),
    path("invitations", team.InvitationList.as_view(), name="invitations"),
    path("invitations/<str:invitation>", team.InvitationDetail.as_view(), name="invitation"),
    path("invitations/<str:invitation>/resend", team.InvitationResend.as_view(), name="resend-invitation"),
    path("tokens", tokens.TokenList.as_view(), name="tokens"),
    path("tokens/<str:token>", tokens.TokenDetail.as_view(), name="token"),
    path("tokens/<str:token>/rotate", tokens.TokenRotate.as_view(), name="rotate-token"),
    path("service-accounts", tokens.ServiceAccountList.as_view(), name="service-accounts"),
    path(
        "service-accounts/<str:service_account>",
        tokens.ServiceAccountDetail.as_view(),
        name="service-account",
    ),
    path("runtimes", runtimes.RuntimeList.as_view(), name="runtimes"),
    path("runtimes/<str:runtime>", runtimes.RuntimeDetail.as_view(), name="runtime"),
    path("runtimes/<str:runtime>/kubeconfig", kubeconfigs.RuntimeKubeconfig.as_view(), name="kubeconfig"),
    path("runtimes/<str:runtime>/suspend", suspension.RuntimeSuspend.as_view(), name="suspend-runtime"),
    path("runtimes/<str:runtime>/resume", suspension.RuntimeResume.as_view(), name="resume-runtime"),
    path(
        "runtimes/<str:runtime>/operations", operations.RuntimeOperations.as_view(), name="runtime-operations"
    ),
    path("quota", quota.Quota.as_view(), name="quota"),
    path("tenants/<str:tenant>/quota", quota.TenantQuota.as_view(), name="tenant-quota"),
    path("quota-requests", quota.QuotaRequestList.as_view(), name="quota-requests"),
    path("quota-requests/<str:quota_request>", quota.QuotaRequestDetail.as_view(), name="quota-request"),
    path(
        "quota-requests/<str:quota_request>/approve",
        quota.QuotaRequestApprove.as_view(),
        name="approve-quota-request",
    ),
    path(
        "quota-requests/<str:quota_request>/decline",
        quota.QuotaRequestDecline.as_view(),
        name="decline-quota-request",
    ),
    path(
        "quota-requests/<str:quota_request>/withdraw",
        quota.QuotaRequestWithdraw.as_view(),
        name="withdraw-quota-request",
    ),
    path("footprint", footprint.FootprintList.as_view(), name="footprints"),
    path("footprint/summary", footprint.FootprintSummary.as_view(), name="footprint-summary"),
    path("footprint/findings", footprint.FootprintFindings.as_view(), name="footprint-findings"),
    path("fleet/footprint", footprint.FleetFootprint.as_view(), name="fleet-footprint"),
    path("carbon-factors", footprint.CarbonFactors.as_view(), name="carbon-factors"),
    path("tenants", tenants.TenantList.as_view(), name="tenants"),
    path("tenants/<str:tenant>", tenants.TenantDetail.as_view(), name="tenant"),
    path("tenants/<str:tenant>/owner", tenants.TenantOwner.as_view(), name="tenant-owner"),
    path("sessions", sessions.SessionList.as_view(), name="sessions"),
    path("sessions/<str:session>", sessions.SessionDetail.as_view(), name="session"),
    path("members/<str:member>/sessions", sessions.MemberSessions.as_view(), name="member-sessions"),
    path("identity-providers", identity.ProviderList.as_view(), name="identity-providers"),
    path("identity-providers/<str:provider>", identity.ProviderDetail.as_view(), name="identity-provider"),
    path(
        "identity-providers/<str:provider>/test",
        identity.ProviderTest.as_view(),
        name="test-identity-provider",
    ),
    path("usage/samples", usage.SampleList.as_view(), name="usage-samples"),
    path("usage/quarantine", usage.QuarantineList.as_view(), name="usage-quarantine"),
    path("trials", TrialList.as_view(), name="trials"),
    path("trials/<str:trial>", TrialDetail.as_view(), name="trial"),
    path("operations", operations.OperationList.as_view(), name="operations"),
    path("operations/<str:operation>", operations.OperationDetail.as_view(), name="operation"),
    path("operations/<str:operation>/pause", operations.OperationPause.as_view(), name="pause"),
    path("operations/<str:operation>/resume", operations.OperationResume.as_view(), name="resume"),
    path("operations/<str:operation>/retry", operations.OperationRetry.as_view(), name="retry"),
    path("operations/<str:operation>/cancel", operations.OperationCancel.as_view(), name="cancel"),
    path("operations/<str:operation>/skip", operations.OperationSkip.as_view(), name="skip"),
    *(
        path(f"{noun}s/<str:owner>/{name}", view.as_view(), name=f"{noun}-{name}")
        for noun, views in (("tenant", standing.OF_TENANT), ("account", standing.OF_ACCOUNT))
        for name, view in views.items()
    ),
]
