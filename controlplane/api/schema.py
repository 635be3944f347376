"""The OpenAPI 3.1 document, drawn from each endpoint's contract."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.plumbing import ResolvedComponent

from controlplane.api.contract import PROBLEMS, Contract, contract_of
from controlplane.api.errors import PROBLEM_MEDIA_TYPE
from controlplane.api.etags import REVISION, etag
from controlplane.api.parameters import Parameter
from controlplane.api.shapes.base import Shape
from controlplane.api.shapes.problem import PROBLEM

JSON = "application/json"
HEADERS: dict[str, dict[str, Any]] = {
    "Location": {"description": "The operation to watch.", "schema": {"type": "string", "format": "uri"}},
    "ETag": {"description": "The runtime's revision, for If-Match.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}},
    "RateLimit-Policy": {
        "description": "Every limit that this request counts for: its quota `q` in `w` seconds.",
        "schema": {"type": "string"},
        "example": '"address";q=3000;w=10, "token";q=1000;w=10, "tenant";q=3000;w=10',
    },
    "RateLimit": {
        "description": "What is left of each: `r` requests at once, and more in `t` seconds. Absent while nobody counts.",
        "schema": {"type": "string"},
        "example": '"address";r=2999;t=1, "token";r=999;t=1, "tenant";r=2999;t=1',
    },
    "WWW-Authenticate": {"description": "How to authenticate.", "schema": {"type": "string"}},
    "Idempotent-Replayed": {
        "description": "`true` when this is the stored answer of an earlier request with the same key.",
        "schema": {"type": "string", "enum": ["true"]},
    },
}
LIMITS = ["RateLimit-Policy", "RateLimit"]
OF_PROBLEMS = {401: ["WWW-Authenticate"], 429: ["Retry-After", *LIMITS], 503: ["Retry-After"]}
IDEMPOTENCY_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "Repeat a request with the same key, and it happens once: the first answer comes again for 24 hours.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 255, "pattern": r"^[\x21-\x7e]+$"},
}
IF_MATCH = {
    "name": "If-Match",
    "in": "header",
    "description": "The ETag that you know; 412 when the runtime has changed since.",
    "schema": {"type": "string", "pattern": rf'^(\*|"{REVISION}")$'},
    "example": etag(3),
}

TRIAL_SECRET = {
    "name": "X-Trial-Secret",
    "in": "header",
    "required": True,
    "description": "The `secret` that came with the answer to the sign-up.",
    "schema": {"type": "string", "maxLength": 64},
}


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """The security scheme of bearer tokens."""

    target_class = "controlplane.api.auth.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: AutoSchema) -> dict[str, Any]:
        """Return the scheme."""
        told = (
            "A token of one tenant: `nesoi_…`. One of the platform's support also sends `X-Nesoi-Tenant` (a slug) and "
            "`X-Nesoi-Reason` whenever it reads what a tenant owns; both stand in that tenant's audit trail."
        )
        return {"type": "http", "scheme": "bearer", "description": told}


class ProblemAutoSchema(AutoSchema):
    """Reads contracts instead of serializers, and documents every problem that an endpoint may answer with."""

    @property
    def agreed(self) -> Contract:
        """The contract of the method at hand."""
        found = contract_of(self.view, self.method)
        if found is None:
            raise LookupError(f"{type(self.view).__name__}.{self.method.lower()} has no contract")
        return found

    def get_operation_id(self) -> str:
        """Return the stable name that generated clients use."""
        return self.agreed.operation_id

    def get_summary(self) -> str:
        """Return one line."""
        return self.agreed.summary

    def get_tags(self) -> list[str]:
        """Return the noun."""
        return [self.agreed.tag]

    def get_auth(self) -> list[dict[str, Any]]:
        """Return the security scheme, or an empty one for public addresses."""
        schemes: list[dict[str, Any]] = super().get_auth()
        return [{}] if self.agreed.public else schemes

    def _get_serializer(self) -> None:
        """There are no serializers; the contract says it all."""

    def _is_list_view(self, serializer: Any = None) -> bool:
        return False

    def _get_parameters(self) -> list[dict[str, Any]]:
        path: list[dict[str, Any]] = [
            parameter for parameter in super()._get_parameters() if parameter["in"] == "path"
        ]
        query = [_parameter(parameter) for parameter in self.agreed.query]
        idempotency = [IDEMPOTENCY_KEY] if self.agreed.idempotent else []
        secret = [TRIAL_SECRET] if self.agreed.secret else []
        return [*path, *query, *idempotency, *([IF_MATCH] if self.agreed.conditional else []), *secret]

    def _get_request_body(self, direction: str = "request") -> dict[str, Any] | None:
        body = self.agreed.body
        if body is None:
            return None
        return {"content": {JSON: self._media(body)}, "required": self.agreed.body_required}

    def _get_response_bodies(self, direction: str = "response") -> dict[str, Any]:
        agreed = self.agreed
        answers: dict[str, Any] = {}
        for status, shape in agreed.answers.items():
            replayed = ["Idempotent-Replayed"] if agreed.idempotent else []
            names = [*agreed.headers.get(status, ()), *replayed, *LIMITS]
            answers[str(status)] = {
                "description": shape.schema.get("description", shape.name),
                "content": {kind: self._media(shape) for kind in agreed.media_types},
                "headers": {name: HEADERS[name] for name in names},
            }
        for status in agreed.statuses_of_problems():
            names = OF_PROBLEMS.get(status, [])
            answers[str(status)] = {
                "description": PROBLEMS[status],
                "content": {PROBLEM_MEDIA_TYPE: {"schema": self._component(PROBLEM)}},
            } | ({"headers": {name: HEADERS[name] for name in names}} if names else {})
        return answers

    def _media(self, shape: Shape) -> dict[str, Any]:
        example = {} if shape.example is None else {"example": shape.example}
        return {"schema": self._component(shape), **example}

    def _component(self, shape: Shape) -> dict[str, Any]:
        component = ResolvedComponent(  # type: ignore[no-untyped-call]
            name=shape.name,
            type=ResolvedComponent.SCHEMA,
            object=shape.name,
            schema=self._referring(shape.schema),
        )
        self.registry.register_on_missing(component)
        reference: dict[str, Any] = component.ref
        return reference

    def _referring(self, value: Any) -> Any:
        if isinstance(value, Shape):
            return self._component(value)
        if isinstance(value, Mapping):
            return {key: self._referring(entry) for key, entry in value.items()}
        if isinstance(value, list):
            return [self._referring(entry) for entry in value]
        return value


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = dict(parameter.schema)
    return {
        "name": parameter.name,
        "in": "query",
        "description": parameter.description,
        "schema": {"type": "array", "items": schema} if parameter.repeatable else schema,
    } | ({} if parameter.example is None else {"example": parameter.example})
