"""Who did what: search the audit trail, and take it away."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from controlplane.console import queries
from controlplane.console.pages import page, show
from controlplane.console.presenters.audit import export_of, line_of
from controlplane.console.visitor import ConsoleRequest
from controlplane.kernel.dates import read_day
from controlplane.kernel.errors import Refused
from controlplane.kernel.ids import parse_uuid
from controlplane.tenants.audit.exporting import begin_export
from controlplane.tenants.audit.reading import LONGEST_EXPORT, Search, require_audit, visible
from controlplane.tenants.audit.shipping import ask_export, is_set_up, visible_exports

LONGEST = 100
NEWEST = 5
KINDS = {
    "runtime.": "Runtimes",
    "operation.": "Operations",
    "account.": "Accounts",
    "member.": "Members",
    "token.": "Tokens",
    "session.": "Sign-ins",
    "request.": "Denied requests",
}


@require_safe
@page
def index(request: ConsoleRequest) -> HttpResponse:
    """The trail that this person may see, newest first."""
    actor = request.visitor.actor
    require_audit(actor)
    typed, problem = _typed(request.GET), ""
    try:
        search = _search(typed)
    except Refused as refusal:
        search, problem = Search(), refusal.detail
    found = queries.newest_first(
        visible(actor, search),
        after=parse_uuid(request.GET.get("after", "")),
        before=parse_uuid(request.GET.get("before", "")),
    )
    context = {
        "lines": [line_of(event) for event in found.rows],
        "typed": typed,
        "narrowing": any(typed.values()),
        "kinds": list(KINDS.items()),
        "problem": problem,
        "newer": _query(typed, before=found.newer) if found.newer else "",
        "older": _query(typed, after=found.older) if found.older else "",
        "export": _query(typed),
        "longest_days": LONGEST_EXPORT.days,
        "everything": actor.sees_every_tenant,
        "may_ship": is_set_up(),
        "exports": [export_of(row) for row in visible_exports(actor).order_by("-pk")[:NEWEST]],
    }
    return show(request, "audit/index.html", context, status=400 if problem else 200)


@require_safe
@page
def export(request: ConsoleRequest) -> HttpResponse:
    """The rows that fit, as JSON Lines: of the named days, else of the last seven."""
    lines = begin_export(request.visitor.actor, _search(_typed(request.GET)))
    response: Any = StreamingHttpResponse(lines, content_type="application/x-ndjson")
    response["Content-Disposition"] = 'attachment; filename="audit.jsonl"'
    found: HttpResponse = response
    return found


@require_POST
@page
def ship(request: ConsoleRequest) -> HttpResponse:
    """Have the rows that fit written to the place that the operator set up; the page then shows how far that is."""
    typed = _typed(request.POST)
    ask_export(actor=request.visitor.actor, search=_search(typed))
    messages.success(request, "The export begins within seconds; below the rows stands how far it is.")
    return redirect(f"{reverse('console:audit')}?{_query(typed)}")


def _typed(query: QueryDict) -> dict[str, str]:
    names = ("q", "actor", "kind", "target", "request_id", "outcome", "since", "until")
    return {name: query.get(name, "").replace("\0", "").strip()[:LONGEST] for name in names}


def _search(typed: dict[str, str]) -> Search:
    """Read what was typed; `until` is the last day that counts. Raises Refused 400 for a day that is none."""
    until = _day(typed["until"], "To")
    return Search(
        actor=typed["actor"],
        action=typed["kind"] if typed["kind"] in KINDS else "",
        target=typed["target"],
        outcome=typed["outcome"] if typed["outcome"] in {"done", "denied"} else "",
        request_id=typed["request_id"],
        text=typed["q"],
        since=_day(typed["since"], "From"),
        until=until + timedelta(days=1) if until else None,
    )


def _day(text: str, title: str) -> datetime | None:
    if not text:
        return None
    day = read_day(text)
    if day is None:
        raise Refused("day_invalid", f"“{title}” must be a day, as 2026-01-31.", status=400)
    return datetime.combine(day, time(), tzinfo=UTC)


def _query(typed: dict[str, str], **edge: str) -> str:
    return urlencode({name: value for name, value in {**typed, **edge}.items() if value})
