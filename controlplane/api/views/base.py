"""What every view of the API does before its own work."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import ExitStack
from typing import Any, cast

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.exceptions import APIException, NotAcceptable
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.views import APIView

from controlplane.api.auth import tenant_of
from controlplane.api.contract import Contract, checked, contract_of
from controlplane.api.named import must_see
from controlplane.api.opening import opened
from controlplane.api.parameters import Query
from controlplane.kernel.errors import Refused
from controlplane.tenants.access import Actor
from controlplane.tenants.isolation.scopes import one_transaction, scope_of, scoped
from controlplane.tenants.models import Tenant
from controlplane.tenants.opening import must_open

SAFE = frozenset({"GET", "HEAD"})
PROBLEM_TYPES = ("application/problem+json", "application/*")


class JSONNegotiation(DefaultContentNegotiation):
    """JSON for whoever can read it, problems included; `?format=` is no parameter of ours."""

    def select_renderer(
        self,
        request: Request,
        renderers: Iterable[BaseRenderer],
        format_suffix: str | None = None,
    ) -> tuple[BaseRenderer, str]:
        """Return the only renderer; raises NotAcceptable."""
        accepted = request.META.get("HTTP_ACCEPT", "*/*")
        if (
            "*/*" in accepted
            or "application/json" in accepted
            or any(kind in accepted for kind in PROBLEM_TYPES)
        ):
            only = next(iter(renderers))
            return only, str(only.media_type)
        raise NotAcceptable


class ApiView(APIView):
    """Checks the token and the query parameters; each method has a contract."""

    http_method_names = ["get", "head", "post", "patch", "delete"]
    metadata_class = None
    content_negotiation_class = JSONNegotiation
    tenant: Tenant | None = None  # whose token it is; known in writes only
    query: Query
    until_answered: ExitStack  # holds the scope, and the transaction of a read

    @property
    def agreed(self) -> Contract | None:
        """The contract of the method at hand, or None where there is no such method."""
        method = "GET" if self.request.method == "HEAD" else str(self.request.method)
        return contract_of(self, method)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Answer, and leave the scope of the token that asked."""
        with ExitStack() as self.until_answered:
            return super().dispatch(request, *args, **kwargs)

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Raise before any work when the request can't be served."""
        if any("\0" in str(value) for value in kwargs.values()):
            raise Refused("not_found", "There is nothing at this address.", status=404)
        super().initial(request, *args, **kwargs)
        agreed = self.agreed
        if isinstance(request.user, Actor) and must_open(request.user) and agreed and not agreed.of_no_tenant:
            request.user = opened(request, request.user)  # type: ignore[assignment] # actors stand there instead of users
        if isinstance(request.user, Actor):
            self.until_answered.enter_context(scoped(scope_of(request.user)))
            if request.method in SAFE:
                self.until_answered.enter_context(one_transaction())
        self.query = Query(request.query_params, agreed.query if agreed else ())
        if agreed and request.method not in SAFE and not agreed.public:
            self.tenant = tenant_of(request)

    def body(self, request: Request) -> dict[str, Any]:
        """Return the request's body as its contract has it; raises Refused and parse errors, but 404 before these."""
        agreed = self.agreed
        if agreed is None or agreed.body is None:
            return {}
        try:
            return dict(checked(cast("dict[str, Any]", request.data), agreed.body))
        except (Refused, APIException):
            if isinstance(request.user, Actor):
                self.must_see(request.user)
            raise

    def must_see(self, actor: Actor) -> None:
        """Raise Refused 404 unless the actor can see what the address names."""
        must_see(actor, self.kwargs)
