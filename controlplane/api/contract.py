"""What an endpoint takes and answers, said once: views check requests by it, the OpenAPI document is drawn from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from controlplane.api.parameters import Parameter
from controlplane.api.shapes.base import Shape
from controlplane.kernel.errors import FieldError, Refused
from controlplane.kernel.sentences import find_faults

Handler = TypeVar("Handler", bound=Callable[..., Any])

PROBLEMS: dict[int, str] = {
    400: "The request can't be read: a query parameter, a header or the JSON itself is wrong.",
    401: "The token is missing, unknown, expired or revoked.",
    403: "The role, the token's scopes or the state of the tenant do not allow this; or support did not say why it looks.",
    404: "There is no such thing in your tenant.",
    406: "This API answers in JSON.",
    409: "The state of things is against it: a name is taken, or the operation is in another state.",
    412: "If-Match names another revision than the newest.",
    413: "The body is too large.",
    415: "The body is not application/json.",
    422: "The request is readable, but something in it can't be: `errors` names each field.",
    429: "Too much is asked for at once; try again after Retry-After.",
    503: "A part of Nesoi, or the landscape, does not answer now; try again after Retry-After.",
}


@dataclass(frozen=True)
class Contract:
    """One method of one address."""

    operation_id: str
    summary: str
    answers: Mapping[int, Shape]
    tag: str
    body: Shape | None = None
    body_required: bool = True
    query: Sequence[Parameter] = ()
    problems: Sequence[int] = ()
    headers: Mapping[int, Sequence[str]] = field(default_factory=dict)  # that answers of a status carry
    idempotent: bool = False  # takes Idempotency-Key
    conditional: bool = False  # takes If-Match
    secret: bool = False  # takes X-Trial-Secret
    public: bool = False
    of_no_tenant: bool = False  # shows nothing that a tenant owns, so support need not say why it looks
    media_types: Sequence[str] = ("application/json",)

    def statuses_of_problems(self) -> list[int]:
        """Every 4xx and 5xx that a caller must be ready for."""
        found = {400, 406, 429, 503, *self.problems}
        found |= set() if self.public else {401}
        found |= set() if self.public or self.of_no_tenant else {403}  # support must say why it looks
        found |= {413, 415, 422} if self.body else set()
        found |= {409, 422} if self.idempotent else set()
        found |= {412} if self.conditional else set()
        return sorted(found)


def contract(**fields: Any) -> Callable[[Handler], Handler]:
    """Attach a Contract to a view's method."""
    made = Contract(**fields)

    def attach(handler: Handler) -> Handler:
        handler.contract = made  # type: ignore[attr-defined]
        return handler

    return attach


def contract_of(view: Any, method: str) -> Contract | None:
    """Return the contract of a view's method, or None where the view has no such method."""
    found: Contract | None = getattr(getattr(view, method.lower(), None), "contract", None)
    return found


def checked(body: Mapping[str, Any], shape: Shape) -> Mapping[str, Any]:
    """Return the body if it fits the shape; raises Refused 422 with every fault."""
    faults = find_faults(shape.schema, body, root="")
    if faults:
        errors = [FieldError(".".join(map(str, fault.path)), fault.code, fault.detail) for fault in faults]
        detail = " ".join(error.detail for error in errors[:5])
        raise Refused(errors[0].code, detail, errors=errors)
    return body
