"""The way to a new runtime, or what is in its way."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django import template

from controlplane.console.presenters.requesting import why_none
from controlplane.console.visitor import Visitor
from controlplane.tenants.models import Account

register = template.Library()


@register.inclusion_tag("console/runtimes/_request.html")
def request_button(visitor: Visitor, title: str, accounts: Iterable[Account] | None = None) -> dict[str, Any]:
    """The button that requests a runtime, or why there is none at the moment; nothing for whoever may not."""
    tenant = visitor.tenant if visitor.may_create else None
    return {"tenant": tenant, "why_none": why_none(tenant, accounts) if tenant else "", "title": title}
